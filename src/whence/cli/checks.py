"""What ``whence doctor`` looks at: packages, tables, sources, the text reader, and a picture located."""

from __future__ import annotations

import importlib
import os
import platform
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

from whence import __version__

_MODULES = {
    "pillow": "PIL",
    "pillow-heif": "pillow_heif",
    "opencv-python-headless": "cv2",
    "faiss-cpu": "faiss",
}
_OPTIONAL_EXTRAS = ("scale", "web", "train", "scenery")
_SCRIPT_PACKS = {
    "Cyrillic": "cyrl",
    "Greek": "grek",
    "Arabic": "arab",
    "Hebrew": "hebr",
    "Thai": "thai",
    "Hangul": "hang",
    "Devanagari": "deva",
    "Georgian": "geor",
    "Armenian": "armn",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    Attributes:
        part: what was looked at.
        state: ``ok``, ``missing`` (optional) or ``broken`` (needed).
        detail: version, place or reason.
        remedy: how to get it, empty if nothing is to be done.
    """

    part: str
    state: str
    detail: str = ""
    remedy: str = ""


def run_checks() -> Iterator[Check]:
    """Look at everything that *whence* needs or can use, the fundamentals first."""
    yield Check("whence", "ok", f"{__version__}, Python {platform.python_version()}, {platform.platform()}")
    yield Check("processor", "ok", f"{os.cpu_count()} cores; --workers uses more than one")
    required, extras = _requirements()
    for name in required:
        yield _package(name)
    for extra in _OPTIONAL_EXTRAS:
        yield _extra(extra, extras.get(extra, ()))
    yield from _tables()
    yield from _sources()
    yield _text_reader()
    yield _tesseract()
    yield _self_test()


def _requirements() -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Names of the packages needed, and of those of each extra, as the installed distribution states them."""
    core: list[str] = []
    extras: dict[str, list[str]] = {}
    try:
        stated = metadata.requires("whence") or []
    except metadata.PackageNotFoundError:
        return (), {}
    for text in stated:
        name = re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0]
        extra = re.search(r"extra\s*==\s*['\"]([\w-]+)", text)
        if extra:
            extras.setdefault(extra[1], []).append(name)
        else:
            core.append(name)
    return tuple(core), {key: tuple(names) for key, names in extras.items()}


def _package(name: str) -> Check:
    try:
        importlib.import_module(_MODULES.get(name, name.replace("-", "_")))
        return Check(name, "ok", metadata.version(name))
    except Exception as error:  # a broken binary wheel may raise anything
        return Check(name, "broken", f"{type(error).__name__}: {error}", f"pip install --force-reinstall {name}")


def _extra(extra: str, names: tuple[str, ...]) -> Check:
    absent = []
    found = []
    for name in names:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            absent.append(name)
    if absent or not names:
        detail = f"without {', '.join(absent)}" if absent else "not listed by this installation"
        return Check(f"extra {extra}", "missing", detail, f"pip install 'whence[{extra}]'")
    return Check(f"extra {extra}", "ok", ", ".join(found))


def _tables() -> Iterator[Check]:
    from whence.core.errors import ArtifactError
    from whence.earth.tables import manifest, read_bytes

    try:
        names = sorted(manifest()["files"])
        total = sum(len(read_bytes(name)) for name in names)
    except ArtifactError as error:
        yield Check("tables", "broken", str(error), "pip install --force-reinstall whence")
        return
    yield Check("tables", "ok", f"{len(names)} files, {total / 1e6:.1f} MB, every hash as in the manifest")


def _sources() -> Iterator[Check]:
    from whence.evidence.run import sources

    for name in sources().names():
        part = f"source {name}"
        try:
            missing = sources().load(name)().availability()
        except Exception as error:  # a plug-in of somebody else may raise anything
            yield Check(part, "broken", f"{type(error).__name__}: {error}", "reinstall the package that brings it")
            continue
        yield Check(part, "missing", missing) if missing else Check(part, "ok")


def _text_reader() -> Check:
    """Let the reader read a word that is drawn here."""
    import io

    from PIL import Image, ImageDraw, ImageFont

    from whence.evidence.text.ocr import read_text
    from whence.samples.reader import read_view

    image = Image.new("RGB", (480, 160), "white")
    ImageDraw.Draw(image).text((40, 40), "STATION", fill="black", font=ImageFont.load_default(72))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    started = time.perf_counter()
    try:
        lines = read_text(read_view(buffer.getvalue(), name="drawn word"))
    except Exception as error:  # models and runtimes of others may raise anything
        remedy = "pip install --force-reinstall rapidocr onnxruntime opencv-python"
        return Check("text reader", "broken", f"{type(error).__name__}: {error}", remedy)
    read = " ".join(line.text for line in lines)
    if "STATION" not in read.upper():
        return Check("text reader", "broken", f"read {read!r} where STATION is written", "reinstall rapidocr")
    return Check("text reader", "ok", f"reads; loaded and read in {time.perf_counter() - started:.1f} s")


def _tesseract() -> Check:
    from whence.evidence.text.tesseract import installed_languages

    program = shutil.which("tesseract")
    packs = [f"tesseract-ocr-script-{pack}" for pack in _SCRIPT_PACKS.values()]
    remedy = "On Debian and Ubuntu: apt install tesseract-ocr " + " ".join(packs)
    if program is None:
        return Check("tesseract", "missing", "reads further scripts (Cyrillic, Arabic, Thai, …)", remedy)
    there = {name.removeprefix("script/") for name in installed_languages()}
    absent = [script for script in _SCRIPT_PACKS if script not in there]
    if absent:
        more = "apt install " + " ".join(f"tesseract-ocr-script-{_SCRIPT_PACKS[script]}" for script in absent)
        return Check("tesseract", "missing", f"{program}, without packs for {', '.join(absent)}", more)
    return Check("tesseract", "ok", f"{program}, with every script that is asked of it")


def _self_test() -> Check:
    """Locate a small picture made here, that says it was taken in Florence."""
    import io

    from PIL import Image

    from whence.pipeline import Locator, Options

    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (43.0, 46.0, 9.0), 3: "E", 4: (11.0, 15.0, 9.0)})
    buffer = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(buffer, "JPEG", exif=exif)
    try:
        locator = Locator(Options(sources=("exif",)))
        locator.prior  # noqa: B018 (loaded before the clock starts)
        started = time.perf_counter()
        found = locator.locate(buffer.getvalue(), name="made here")
        code = found.regions[0].code
    except Exception as error:  # whatever is broken, the doctor says so
        return Check("a picture located", "broken", f"{type(error).__name__}: {error}", "please report this")
    took = (time.perf_counter() - started) * 1e3
    if code != "IT":
        return Check("a picture located", "broken", f"in {code or 'no country'} instead of IT", "please report this")
    return Check("a picture located", "ok", f"in {found.regions[0].name}, as it should be, in {took:.0f} ms")
