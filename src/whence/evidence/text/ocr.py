"""Reading the lines of text in a view: RapidOCR, and tesseract for what it cannot read.

RapidOCR carries PP-OCR detection and recognition models (Latin with all its diacritics, Chinese, Japanese) and
runs them with ONNX Runtime. The models are passed by path, so that nothing is ever fetched from a network.
Source: Cui et al. 2025, *PaddleOCR 3.0 Technical Report*.

Memory: the models' weights take about 60 MB, finding text in 1280 x 960 pixels about 190 MB more for a moment. Each
session takes its working memory in one arena (a tensor at a time through the system costs a third more of it, and
several times the time) and gives it back after every run. Lines are recognised one by one: a batch is padded to its
longest line, and what is said of each of the 18,000 characters at each step of it fills memory.
"""

from __future__ import annotations

import ctypes
import logging
import sys
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from whence.core.errors import ArtifactError, MissingExtraError
from whence.core.optional import is_installed
from whence.core.threads import usual_threads
from whence.evidence.text import tesseract
from whence.evidence.text.config import Config
from whence.evidence.text.lines import TextLine, clean
from whence.evidence.types import Box
from whence.samples.view import View, ViewKind

_NOT_INSTALLED = "Reading text needs the packages rapidocr and onnxruntime: pip install rapidocr onnxruntime"
_MODELS = {"Det": "*_det_*.onnx", "Cls": "*_cls_*.onnx", "Rec": "*_rec_*.onnx"}


def _session(model: Path, threads: int) -> Any:
    """A model with its working memory in an arena that is given back after each run."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.enable_cpu_mem_arena = True
    options.enable_mem_pattern = False  # plans one block for each new size of picture, and keeps the old ones
    give_back = onnxruntime.RunOptions()
    give_back.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    class Session(onnxruntime.InferenceSession):  # type: ignore[misc]
        def run(self, output_names: Any, input_feed: Any, run_options: Any = None) -> Any:
            return super().run(output_names, input_feed, run_options or give_back)

    return Session(str(model), options, providers=["CPUExecutionProvider"])


def _trim() -> None:
    """Give freed memory back to the system where the C library (glibc) holds on to it."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


class _Reader:
    """The three models, loaded once; one picture at a time, because the library keeps state between steps."""

    def __init__(self, detect_px: int, threads: int) -> None:
        try:
            import rapidocr
            from omegaconf import flag_override
        except ImportError as error:
            raise MissingExtraError(f"{_NOT_INSTALLED} ({error})") from error
        logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)
        params: dict[str, Any] = {
            "Global.log_level": "critical",
            "Global.max_side_len": 4096,
            "Global.text_score": 0.0,
            "Det.limit_type": "max",
            "Det.limit_side_len": detect_px,
            "Cls.cls_batch_num": 1,
            "Rec.rec_batch_num": 1,
        }
        sessions: dict[str, Any] = {}
        folder = Path(str(rapidocr.__file__)).parent / "models"
        for step, pattern in _MODELS.items():
            found = sorted(folder.glob(pattern))
            if not found:
                raise ArtifactError(
                    f"The text reader's model {pattern} is not in {folder}. This version of rapidocr does not carry "
                    "its models; install one that does: pip install 'rapidocr>=3.4'"
                )
            params[f"{step}.model_path"] = str(found[0])
            sessions[step] = _session(found[0], threads or usual_threads())
        self._engine = rapidocr.RapidOCR(params=params)
        with flag_override(self._engine.cfg, "allow_objects", True):
            for step, session in sessions.items():  # used when the library comes to need the step
                self._engine.cfg[step]["session"] = session
        self._lock = threading.Lock()

    def __call__(self, rgb: UInt8[np.ndarray, "height width 3"]) -> list[tuple[str, float, Float[np.ndarray, "4 2"]]]:
        """Texts, confidences and corners in pixels."""
        with self._lock:
            found: Any = self._engine(np.ascontiguousarray(rgb[:, :, ::-1]), use_det=True, use_cls=True, use_rec=True)
        if getattr(found, "txts", None) is None or getattr(found, "boxes", None) is None:
            return []
        return [
            (str(text), float(score), np.asarray(box, np.float64))
            for text, score, box in zip(found.txts, found.scores, found.boxes, strict=True)
        ]

    def find(self, rgb: UInt8[np.ndarray, "height width 3"]) -> list[Float[np.ndarray, "4 2"]]:
        """Corners in pixels of all that looks like text, also where nothing can be read."""
        with self._lock:
            found: Any = self._engine(np.ascontiguousarray(rgb[:, :, ::-1]), use_det=True, use_cls=False, use_rec=False)
        return [] if found.boxes is None else [np.asarray(box, np.float64) for box in found.boxes]


@lru_cache(maxsize=1)
def _reader(detect_px: int, threads: int) -> _Reader:
    return _Reader(detect_px, threads)


_load_lock = threading.Lock()


def missing() -> str | None:
    """Return what is missing for reading text, ``None`` if nothing is."""
    if not is_installed("rapidocr") or not is_installed("onnxruntime"):
        return _NOT_INSTALLED
    return None


def _crops(view: View, config: Config) -> list[tuple[int, int, int, int]]:
    """Parts of the picture to read, as left, top, right, bottom in pixels."""
    height, width = view.pixels.shape[:2]
    if view.kind is not ViewKind.PANORAMA or width < 1.8 * height:
        return [(0, 0, width, height)]
    count = config.panorama_crops
    wide = min(int(1.25 * width / count), width)
    lefts = np.linspace(0, width - wide, count).astype(int).tolist()
    return [(left, height // 5, left + wide, height - height // 5) for left in lefts]


def _enlarged(pixels: UInt8[np.ndarray, "h w 3"], config: Config) -> UInt8[np.ndarray, "h2 w2 3"]:
    """Enlarge a small picture so that its small text is found."""
    height, width = pixels.shape[:2]
    factor = min(config.enlarge_px / min(height, width), config.detect_px / max(height, width))
    if factor <= 1.05:
        return pixels
    import cv2

    size = (max(round(width * factor), 1), max(round(height * factor), 1))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def _is_junk(text: str) -> bool:
    return sum(c.isalnum() for c in text) == 0 or (len(text) == 1 and not ord(text) > 0x2E80)


def _read_crop(view: View, crop: tuple[int, int, int, int], reader: _Reader, config: Config) -> list[TextLine]:
    left, top, right, bottom = crop
    height, width = view.pixels.shape[:2]
    part = view.pixels[top:bottom, left:right]
    enlarged = _enlarged(part, config)
    scale_x, scale_y = part.shape[1] / enlarged.shape[1], part.shape[0] / enlarged.shape[0]

    def box(corners: Float[np.ndarray, "4 2"]) -> Box:
        x = np.clip((corners[:, 0] * scale_x + left) / width, 0.0, 1.0)
        y = np.clip((corners[:, 1] * scale_y + top) / height, 0.0, 1.0)
        return Box(float(x.min()), float(y.min()), float(x.max()), float(y.max()))

    lines = [TextLine(clean(raw), min(max(score, 0.0), 1.0), box(corners)) for raw, score, corners in reader(enlarged)]
    if tesseract.extra_languages():  # what the reader made nothing of may be in a script that it does not know
        found = [box(corners) for corners in reader.find(enlarged)]
        seen = [line.box for line in lines if line.box is not None]
        lines += [TextLine("", 0.0, b) for b in found if all(_overlap(b, other) < 0.6 for other in seen)]
    return lines


def _is_unsure(line: TextLine, aspect: float, config: Config) -> bool:
    """Tell whether a line deserves a second reading: low confidence, or fewer characters than its box is wide.

    Args:
        line: what the main reader made of it.
        aspect: width of the picture over its height.
        config: thresholds.
    """
    if line.box is None:
        return False
    height = line.box.bottom - line.box.top
    room = (line.box.right - line.box.left) * aspect / height if height > 0.0 else 0.0
    return line.confidence < config.unsure_confidence or len(line.text) < 0.5 * room


def _overlap(a: Box, b: Box) -> float:
    """Shared area over the smaller box's area."""
    wide = min(a.right, b.right) - max(a.left, b.left)
    high = min(a.bottom, b.bottom) - max(a.top, b.top)
    smaller = min((a.right - a.left) * (a.bottom - a.top), (b.right - b.left) * (b.bottom - b.top))
    return max(wide, 0.0) * max(high, 0.0) / max(smaller, 1e-12)


def _without_doubles(lines: list[TextLine]) -> list[TextLine]:
    """Of lines that overlapping crops both read, keep the longer."""
    kept: list[TextLine] = []
    for line in sorted(lines, key=lambda found: (-len(found.text), found.text)):
        if line.box is None or all(k.box is None or _overlap(line.box, k.box) < 0.6 for k in kept):
            kept.append(line)
    return kept


def _second_reading(view: View, lines: list[TextLine], config: Config) -> list[TextLine]:
    """Read again with tesseract those lines that the main reader was unsure of."""
    if not tesseract.extra_languages():
        return lines
    aspect = view.pixels.shape[1] / view.pixels.shape[0]
    unsure = [n for n, line in enumerate(lines) if _is_unsure(line, aspect, config)]

    def size(n: int) -> float:
        box = lines[n].box
        return 0.0 if box is None else (box.right - box.left) * (box.bottom - box.top)

    out = list(lines)
    for n in sorted(unsure, key=size, reverse=True)[: config.max_second_readings]:
        second = tesseract.read_box(view.pixels, lines[n])
        if second is not None and second.confidence > lines[n].confidence:
            out[n] = second
    return out


def read_text(view: View, config: Config | None = None) -> tuple[TextLine, ...]:
    """Read the lines of text in a picture, from top to bottom.

    Args:
        view: the picture.
        config: how to read; the defaults if not given.

    Returns:
        The lines with confidence and box, junk dropped; empty if there is no readable text.

    Raises:
        MissingExtraError: rapidocr is not installed.
        ArtifactError: its models are missing.
    """
    config = config or Config()
    if min(view.pixels.shape[:2]) < 8:
        return ()
    _trim()  # what others left, before the most memory of all is taken
    with _load_lock:
        reader = _reader(config.detect_px, config.threads)
    crops = _crops(view, config)
    lines = [line for crop in crops for line in _read_crop(view, crop, reader, config)]
    if len(crops) > 1:
        lines = _without_doubles(lines)
    lines = _second_reading(view, lines, config)
    _trim()
    kept = [line for line in lines if line.confidence >= config.min_confidence and not _is_junk(line.text)]
    kept = sorted(kept, key=lambda line: -line.confidence)[: config.max_lines]
    return tuple(sorted(kept, key=lambda line: (line.box.top, line.box.left) if line.box else (0.0, 0.0)))
