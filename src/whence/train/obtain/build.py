"""One command's work: files found and checked, the bundle built, everything written into its card."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whence.core.bundle import Bundle, BundleHeader
from whence.core.config import fingerprint
from whence.core.errors import OptionError
from whence.core.optional import optional_import
from whence.core.version import __version__
from whence.encode.published import Published
from whence.train.obtain.files import Found, Report, locate_files
from whence.train.obtain.steps import Steps

_TOWER = ("config.json", "model.safetensors|model-*.safetensors", "preprocessor_config.json|processor_config.json")
_TOKENIZER = ("tokenizer.json|vocab.json|spiece.model|tokenizer.model",)


@dataclass(frozen=True)
class Request:
    """What is to be built.

    Attributes:
        model: which published model.
        folder: of the bundle.
        folders: of the user, in which files are looked for first.
        download: whether the hub may be asked for what is missing.
        overwrite: whether a bundle that is there is replaced.
    """

    model: Published
    folder: Path
    folders: tuple[Path, ...] = field(default=())
    download: bool = False
    overwrite: bool = False


def find_all(request: Request, report: Report | None = None) -> tuple[Found, ...]:
    """Find and hash every file that the bundle is made from.

    Raises:
        OptionError: the bundle is there already, or a given folder is none.
        ArtifactError: files are missing, or published ones have another hash.
        MissingExtraError: the extras ``train`` and ``towers`` are not installed.
    """
    for package, extra in (("torch", "train"), ("onnx", "train"), ("onnxscript", "train"), ("transformers", "towers")):
        optional_import(package, extra=extra, purpose=f"make the bundle {request.model.name}")
    if request.folder.exists() and not request.overwrite:
        raise OptionError(f"{request.folder} is there already. Give another folder with --to, or --overwrite.")
    model = request.model
    needed = _TOWER if model.kind == "alignment" else _TOWER + _TOKENIZER
    found = [locate_files(model.tower, request.folders, needed, download=request.download, report=report)]
    if model.weights is not None:
        found.append(locate_files(model.weights, request.folders, model.weights.files, download=False, report=report))
    return tuple(found)


def build_bundle(request: Request, found: tuple[Found, ...], report: Report | None = None) -> Bundle:
    """Build a bundle of files that were found; interrupted, the same request goes on where it stopped.

    Args:
        request: what is to be built.
        found: what `find_all` gave.
        report: is told which step begins.

    Raises:
        ArtifactError: files of another layout, or a graph that differs from PyTorch.
        OptionError: something lies at the bundle's folder.
    """
    from whence.train.obtain.geoclip import build_geoclip
    from whence.train.obtain.prompts import build_prompts
    from whence.train.obtain.texts import prompt_labels

    model = request.model
    asked = [label.prompt for label in prompt_labels(model)] if model.template else []
    steps = Steps(found, f"{model.name} {__version__} {fingerprint(asked)}", 3 if asked else 2, report)
    header = header_of(model, found)
    if model.weights is not None:
        made = build_geoclip(
            found[0].folder, found[1].folder, header, request.folder, steps, overwrite=request.overwrite
        )
    else:
        made = build_prompts(model, found[0].folder, header, request.folder, steps, overwrite=request.overwrite)
    steps.finish()
    if report is not None:
        report(1, 1, "done")
    return made


def header_of(model: Published, found: tuple[Found, ...]) -> BundleHeader:
    """The card so far: origin, licence and the hash of every file; weights of one's own are called so."""
    changed = [name for item in found for name in item.different]
    own = f"; not the published weights: {', '.join(changed)} differ" if changed else ""
    recipe: dict[str, Any] = {"obtained": model.name, "made_from": [item.describe() for item in found]}
    return BundleHeader(
        name=model.name,
        kind=model.kind,
        title=model.title + own,
        licence=model.licence if not changed else f"that of the weights given; of the published ones: {model.licence}",
        training_data=model.training_data if not changed else f"not known{own}",
        paper=model.paper,
        known_overlap=model.known_overlap,
        config={"recipe": recipe},
    )
