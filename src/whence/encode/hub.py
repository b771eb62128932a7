"""Published models of the public hub, through ``transformers``: never fetched unless asked, never unpickled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from whence.core.errors import ArtifactError, OptionError
from whence.core.optional import optional_import

RANDOM = "random"
"""Name of weights that are drawn, not loaded."""

_PURPOSE = "load models of the public hub"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a published model comes from.

    Attributes:
        weights: name on the hub, or a folder with ``config.json`` and ``*.safetensors``.
        download: whether a name may be fetched; otherwise only the local cache of the hub is read.
        revision: commit, branch or tag of the hub's repository; the newest if empty.
    """

    weights: str
    download: bool = False
    revision: str = ""


def transformers() -> Any:
    """The package ``transformers``.

    Raises:
        MissingExtraError: it is not installed.
    """
    return optional_import("transformers", extra="towers", purpose=_PURPOSE)


def load_tower(kind: Any, origin: Origin) -> Any:
    """Load a model whose every weight is in the source, in float32, ready to embed.

    Args:
        kind: a model class of ``transformers``.
        origin: where it comes from.

    Raises:
        ArtifactError: it is not here, has no safetensors, is damaged, or is another kind of model.
    """
    torch = optional_import("torch", extra="towers", purpose=_PURPOSE)
    with _explained(origin):
        model, told = kind.from_pretrained(
            origin.weights,
            **_where(origin),
            use_safetensors=True,
            output_loading_info=True,
            dtype=torch.float32,
        )
    missing = sorted(map(str, [*told["missing_keys"], *told["mismatched_keys"]]))
    if missing:
        raise ArtifactError(
            f"{origin.weights} lacks {len(missing)} weights of {kind.__name__}, or has them in another size: "
            f"{missing[:3]}. Give weights of this kind of model."
        )
    return model.eval()


def load_tokenizer(origin: Origin) -> Any:
    """Load the tokenizer that lies beside a model; arguments and errors as of `load_tower`."""
    with _explained(origin):
        return transformers().AutoTokenizer.from_pretrained(origin.weights, **_where(origin))


def processor_values(origin: Origin) -> Mapping[str, Any]:
    """What the model's own image processor is configured with, for `whence.encode.processors`.

    Raises:
        ArtifactError: see `load_tower`; there is no ``preprocessor_config.json`` or ``processor_config.json``.
    """
    base = optional_import("transformers.image_processing_base", extra="towers", purpose=_PURPOSE)
    with _explained(origin):
        values = base.ImageProcessingMixin.get_image_processor_dict(origin.weights, **_where(origin))[0]
    found: Mapping[str, Any] = values
    return found


@contextmanager
def drawn_from(generator: Any) -> Iterator[None]:
    """Let weights that ``transformers`` draws depend on ``generator`` alone; torch's own state is left as it was.

    Args:
        generator: a ``torch.Generator``, from which one number is drawn; torch's own if ``None``.
    """
    torch = optional_import("torch", extra="towers", purpose="draw random weights")
    seed = int(torch.randint(2**62, (), generator=generator))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _where(origin: Origin) -> dict[str, Any]:
    found: dict[str, Any] = {"local_files_only": not origin.download}
    if origin.revision and not Path(origin.weights).is_dir():
        found["revision"] = origin.revision
    return found


@contextmanager
def _explained(origin: Origin) -> Iterator[None]:
    if not origin.weights:
        raise OptionError(f"No weights are named. Give a name of the hub, a folder, or {RANDOM!r}.")
    try:
        with _quietly():
            yield
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split()).partition(". ")[0]
        if Path(origin.weights).is_dir():
            raise ArtifactError(
                f"The model in the folder {origin.weights} cannot be loaded ({reason}). It takes config.json, "
                "*.safetensors and the configuration of its processor or tokenizer: save them with save_pretrained."
            ) from error
        hint = (
            "Check the name and the connection, or give a folder."
            if origin.download
            else "Nothing is fetched unless asked: set download=true, or give a folder that holds the model."
        )
        raise ArtifactError(f"The model {origin.weights!r} of the hub cannot be loaded ({reason}). {hint}") from error


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the bars and reports of ``transformers``, whose settings are put back; what is wrong is raised."""
    log = transformers().utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()


@runtime_checkable
class TowerConfig(Protocol):
    """Settings that every model of the hub has."""

    @property
    def weights(self) -> str:
        """Name on the hub, a folder, or random."""

    @property
    def download(self) -> bool:
        """Whether the hub may be asked."""

    @property
    def revision(self) -> str:
        """Of the hub's repository."""
