"""How large a file or picture may be before it is refused, checked before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from whence.core.errors import ImageError, ImageTooLargeError

HOSTILE = "The file looks made to harm its reader; export the picture again from its original."
"""End of the errors on structures that no honest program writes."""


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """Bounds on what is read. Raise them for pictures that you trust.

    Attributes:
        max_bytes: size of the file.
        max_pixels: pixels of a JPEG, which is decoded at a reduced size.
        max_pixels_whole: pixels of a picture that has to be decoded whole (every other format, progressive
            JPEG); takes up to 8 bytes per pixel while it is read.
        min_side_px: shorter side below which nothing of use can be seen.
    """

    max_bytes: int = 200_000_000
    max_pixels: int = 400_000_000
    max_pixels_whole: int = 100_000_000
    min_side_px: int = 16

    def check_bytes(self, count: int, name: str) -> None:
        """Refuse a file that is empty or too large.

        Raises:
            ImageError: the file is empty.
            ImageTooLargeError: it is larger than ``max_bytes``.
        """
        if count == 0:
            raise ImageError(f"{name}: the file is empty (0 bytes). Copy it again from its original.")
        if count > self.max_bytes:
            raise ImageTooLargeError(
                f"{name}: the file has {count:,} bytes or more, at most {self.max_bytes:,} are read. Shrink "
                "the picture, or raise ReadLimits.max_bytes if you trust it."
            )

    def check_pixels(self, size_px: tuple[int, int], name: str, *, reduces: bool = False) -> None:
        """Refuse a picture that is too small or too large.

        Args:
            size_px: width and height that the file states.
            name: how errors call the picture.
            reduces: whether the decoder shrinks while it decodes.

        Raises:
            ImageError: a side is shorter than ``min_side_px``.
            ImageTooLargeError: there are more pixels than allowed.
        """
        width, height = size_px
        if min(width, height) < self.min_side_px:
            raise ImageError(
                f"{name}: the picture is {width} × {height} pixels; at least {self.min_side_px} on each side "
                "are needed to see anything. Give the full picture, not an icon or tracking pixel."
            )
        allowed, field = (self.max_pixels, "max_pixels") if reduces else (self.max_pixels_whole, "max_pixels_whole")
        if width * height > allowed:
            raise ImageTooLargeError(
                f"{name}: the picture states {width:,} × {height:,} = {width * height:,} pixels, at most "
                f"{allowed:,} are decoded in this format. Shrink it, "
                f"or raise ReadLimits.{field} if you trust it."
            )
