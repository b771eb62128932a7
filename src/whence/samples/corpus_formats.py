"""Whole files of the test corpus: formats, colour modes, depths, orientations."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageCms, features

from whence.samples.corpus import HEIGHT, WIDTH, Draft, draft
from whence.samples.corpus_bytes import (
    LONG,
    SHORT,
    Tags,
    cmyk_profile,
    dng_bytes,
    encode,
    png_bytes,
    tiff_bytes,
    with_exif,
    with_png_chunk,
    xmp_packet,
)
from whence.samples.view import DronePose, Metadata, PanoramaInfo, Tagged, ViewKind

_ORIENTATION = 0x0112
_STORED_AS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def format_drafts(picture: Image.Image) -> Iterator[Draft]:
    """Every container, mode, depth and orientation; all can be read."""
    yield from _jpegs(picture)
    yield from _pngs(picture)
    yield from _webps_and_gifs(picture)
    yield from _tiffs(picture)
    yield from _modern(picture)
    yield from _oriented(picture)
    yield from _kinds(picture)


def _jpegs(picture: Image.Image) -> Iterator[Draft]:
    yield draft("plain.jpg", "an ordinary JPEG", encode(picture, "JPEG", quality=90))
    yield draft("progressive.jpg", "a progressive JPEG", encode(picture, "JPEG", progressive=True, quality=90))
    large = picture.resize((2304, 1536), Image.Resampling.NEAREST)
    yield draft("larger.jpg", "larger than the working size", encode(large, "JPEG", quality=50), size_px=(2304, 1536))
    yield draft("grey.jpg", "one channel", encode(picture.convert("L"), "JPEG"), upright_colours=False)
    cmyk = picture.convert("CMYK")
    yield draft("cmyk.jpg", "printing inks without a profile", encode(cmyk, "JPEG", quality=95))
    profiled = encode(cmyk, "JPEG", quality=95, icc_profile=cmyk_profile())
    yield draft("cmyk_profile.jpg", "printing inks with a profile", profiled)
    swapped = Image.fromarray(np.asarray(picture)[..., [1, 0, 2]])
    yield draft(
        "profile_swapped.jpg",
        "a colour profile whose red and green are swapped, and pixels to match",
        encode(swapped, "JPEG", quality=95, subsampling=0, icc_profile=_swapped_profile()),
    )
    yield draft(
        "profile_broken.jpg",
        "a colour profile that is none",
        encode(picture, "JPEG", icc_profile=b"no profile at all" * 20),
        says="colour profile is damaged",
    )
    second = picture.transpose(Image.Transpose.ROTATE_180)
    pair = encode(picture, "MPO", save_all=True, append_images=[second])
    yield draft("pair.mpo", "two pictures in one file", pair, says="several pictures", format="MPO")


def _swapped_profile() -> bytes:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    srgb = srgb[:24] + bytes(12) + srgb[36:]  # without the time of making
    for a, b in ((b"rXYZ", b"gXYZ"), (b"rTRC", b"gTRC")):
        srgb = srgb.replace(a, b"????", 1).replace(b, a, 1).replace(b"????", b, 1)
    # Named otherwise, so that it is not taken for plain sRGB and passed over.
    return srgb.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be")).replace(b"sRGB built", b"swap built")


def _pngs(picture: Image.Image) -> Iterator[Draft]:
    pixels = np.asarray(picture)
    yield draft("plain.png", "an ordinary PNG", encode(picture, "PNG"), format="PNG")
    yield draft("interlaced.png", "interlaced", png_bytes(pixels, interlaced=True), format="PNG")
    yield draft("deep.png", "16 bits per colour", png_bytes(pixels, bits=16), format="PNG")
    grey = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    yield draft("deep_grey.png", "16 bits of grey", encode(grey, "PNG"), format="PNG", upright_colours=False)
    alpha = picture.copy()
    alpha.putalpha(Image.fromarray(np.where(np.arange(WIDTH) < 8, 0, 255).astype(np.uint8)[None].repeat(HEIGHT, 0)))
    yield draft("alpha.png", "a transparent strip on the left", encode(alpha, "PNG"), format="PNG")
    palette = picture.quantize(32)
    yield draft("palette.png", "32 colours", encode(palette, "PNG"), format="PNG")
    see_through = encode(palette, "PNG", transparency=bytes([250] + [255] * 31))
    yield draft("palette_alpha.png", "a palette with transparency", see_through, format="PNG")
    grey_alpha = encode(alpha.convert("LA"), "PNG")
    yield draft("grey_alpha.png", "grey with alpha", grey_alpha, format="PNG", upright_colours=False)
    one_bit = encode(picture.convert("1"), "PNG")
    yield draft("one_bit.png", "black and white", one_bit, format="PNG", upright_colours=False)
    turned = picture.transpose(Image.Transpose.ROTATE_180)
    moving = encode(picture, "PNG", save_all=True, append_images=[turned], duration=100)
    yield draft("moving.png", "an animated PNG", moving, says="animated", format="PNG")
    exif = tiff_bytes({_ORIENTATION: (SHORT, [3])})
    yield draft(
        "turned.png", "EXIF orientation in a PNG", with_png_chunk(encode(turned, "PNG"), b"eXIf", exif), format="PNG"
    )


def _webps_and_gifs(picture: Image.Image) -> Iterator[Draft]:
    turned = picture.transpose(Image.Transpose.ROTATE_180)
    yield draft("plain.webp", "an ordinary WebP", encode(picture, "WEBP", quality=90), format="WEBP")
    alpha = picture.convert("RGBA")
    yield draft("alpha.webp", "lossless, with alpha", encode(alpha, "WEBP", lossless=True), format="WEBP")
    moving = encode(picture, "WEBP", save_all=True, append_images=[turned], duration=100)
    yield draft("moving.webp", "an animated WebP", moving, says="animated", format="WEBP")
    yield draft("plain.gif", "a GIF", encode(picture, "GIF"), format="GIF")
    moving = encode(picture, "GIF", save_all=True, append_images=[turned], duration=100)
    yield draft("moving.gif", "an animated GIF", moving, says="animated", format="GIF")
    yield draft("plain.bmp", "a bitmap", encode(picture, "BMP"), format="BMP")
    if features.check("jpg_2000"):
        yield draft("plain.jp2", "JPEG 2000", encode(picture, "JPEG2000"), format="JPEG2000")


def _tiffs(picture: Image.Image) -> Iterator[Draft]:
    def tiff(name: str, about: str, image: Image.Image, options: dict[str, Any], **expected: Any) -> Draft:
        return draft(name, about, encode(image, "TIFF", **options), format="TIFF", **expected)

    yield tiff("plain.tif", "without compression", picture, {})
    yield tiff("lzw.tif", "LZW", picture, {"compression": "tiff_lzw"})
    yield tiff("jpeg.tif", "JPEG inside TIFF", picture, {"compression": "jpeg"})
    yield tiff("big.tif", "BigTIFF (64-bit offsets)", picture, {"big_tiff": True})
    yield tiff("cmyk.tif", "printing inks", picture.convert("CMYK"), {})
    grey = np.asarray(picture.convert("L"))
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    yield tiff("deep_grey.tif", "16 bits of grey", deep, {}, upright_colours=False)
    floats = Image.fromarray(grey.astype(np.float32) / 255.0)
    yield tiff("float.tif", "floating point", floats, {}, upright_colours=False, says="no fixed range")
    two = {"save_all": True, "append_images": [picture]}
    yield tiff("pages.tif", "two pages", picture, two, says="2 pages")
    lab = ImageCms.profileToProfile(
        picture, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    if lab is not None:
        lab.info.pop("icc_profile", None)  # holds the time of its making
        yield tiff("lab.tif", "CIE Lab", lab, {})
    stored = picture.transpose(_STORED_AS[6])
    yield tiff("turned.tif", "stored on its side", stored, {"tiffinfo": {_ORIENTATION: 6}})


def _modern(picture: Image.Image) -> Iterator[Draft]:
    exif = b"Exif\0\0" + tiff_bytes({271: (2, b"Testcam\0"), _ORIENTATION: (SHORT, [6])})
    camera = Metadata(camera=Tagged("Testcam", "EXIF Make/Model"))
    yield draft("plain.avif", "an AVIF", encode(picture, "AVIF", quality=90), format="AVIF")
    stored = picture.transpose(_STORED_AS[6])
    turned = encode(stored, "AVIF", quality=90, exif=exif)
    yield draft("turned.avif", "an AVIF with a rotation", turned, format="AVIF", metadata=camera)
    heic = heif_bytes(picture)
    if heic:
        yield draft("plain.heic", "an HEIC", heic, format="HEIF")
        turned = heif_bytes(stored, exif=exif)
        yield draft("turned.heic", "an HEIC with a rotation", turned, format="HEIF", metadata=camera)
    preview = encode(picture, "JPEG", quality=90)
    tags: Tags = {271: (2, b"Testcam\0"), _ORIENTATION: (SHORT, [1]), 0x8769: {36867: (2, b"2020:05:04 03:02:01\0")}}
    raw = dng_bytes(preview, bytes(768), tags)
    yield draft("plain.dng", "a DNG with a preview", raw, format="DNG", says="preview", metadata=camera)


def heif_bytes(picture: Image.Image, **options: Any) -> bytes:
    """Encode with pillow-heif; empty if this build has no HEVC encoder."""
    import pillow_heif

    out = BytesIO()
    try:
        pillow_heif.from_pillow(picture).save(out, quality=90, **options)
    except RuntimeError:
        return b""
    return out.getvalue()


def _oriented(picture: Image.Image) -> Iterator[Draft]:
    yield draft(
        "orientation_1.jpg", "EXIF orientation 1", with_exif(encode(picture, "JPEG"), {_ORIENTATION: (SHORT, [1])})
    )
    for value, turn in _STORED_AS.items():
        stored = encode(picture.transpose(turn), "JPEG", quality=90)
        data = with_exif(stored, {_ORIENTATION: (SHORT, [value])}, order=">" if value % 2 else "<")
        yield draft(f"orientation_{value}.jpg", f"EXIF orientation {value}", data)
    odd = with_exif(encode(picture, "JPEG"), {_ORIENTATION: (LONG, [77])})
    yield draft("orientation_77.jpg", "an orientation that does not exist", odd)


def _kinds(picture: Image.Image) -> Iterator[Draft]:
    wide = picture.resize((128, 64), Image.Resampling.NEAREST)
    packet = xmp_packet(
        'GPano:ProjectionType="equirectangular" GPano:PoseHeadingDegrees="-90" '
        'GPano:FullPanoWidthPixels="128" GPano:FullPanoHeightPixels="64"'
    )
    yield draft(
        "panorama.jpg",
        "a 360° panorama",
        encode(wide, "JPEG", xmp=packet),
        size_px=(128, 64),
        kind=ViewKind.PANORAMA,
        metadata=Metadata(panorama=Tagged(PanoramaInfo("equirectangular", 270.0, 128, 64), "XMP GPano")),
    )
    yield draft("wide.jpg", "2:1 without a mark", encode(wide, "JPEG"), size_px=(128, 64), says="not marked as one")
    pose = 'drone-dji:RelativeAltitude="+30.20" drone-dji:GimbalPitchDegree="-89.90" drone-dji:GimbalYawDegree="-10.5"'
    yield draft(
        "drone.jpg",
        "a drone's view straight down",
        encode(picture, "JPEG", xmp=xmp_packet(pose)),
        kind=ViewKind.DRONE,
        metadata=Metadata(
            heading_deg=Tagged(349.5, "XMP drone-dji:GimbalYawDegree"),
            drone_pose=Tagged(
                DronePose(relative_altitude_m=30.2, gimbal_pitch_deg=-89.9, gimbal_yaw_deg=-10.5), "XMP drone-dji"
            ),
        ),
    )
