"""From PyTorch to a bundle: graphs through the dynamo exporter, compared with PyTorch number by number.

Eight-bit weights: convolutional networks are quantised with calibrated activations, which makes them about three times
as fast where the processor multiplies bytes; networks of matrix products (transformers) have only these products in
eight bits, activations measured as they come. Location graphs are never quantised: their high frequencies do not
survive it, and places are encoded once and kept.
"""

from __future__ import annotations

import copy
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from whence.core.bundle import Bundle, BundleHeader, write_bundle
from whence.core.errors import ArtifactError, OptionError
from whence.core.optional import optional_import
from whence.encode.bundled import KIND, AlignmentSettings, check_parts
from whence.encode.preprocessing import Preprocessing

TOLERANCE = 1e-4
"""Largest difference allowed between a graph's numbers and those of PyTorch."""

LEAST_INT8_COSINE = 0.98
"""Smallest cosine allowed between the embeddings of an eight-bit graph and those of PyTorch."""

_OPSET = 20
_NOISY = ("torch.onnx", "torch.export", "torch._dynamo", "onnxscript", "onnx_ir", "root")
_CALIBRATION_BATCH = 16
_LARGE = 256
_OUTER, _INNER = ".outer", ".inner"


@final
class UnitLength(nn.Module):
    """A network whose output is brought to unit length.

    Args:
        inner: gives vectors of any length.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, given: Tensor) -> Float[Tensor, "n dim"]:
        """Embed, then divide by the length."""
        return nn.functional.normalize(self.inner(given).float(), dim=-1)


def export_graph(
    module: nn.Module,
    example_inputs: Sequence[Tensor],
    input_names: Sequence[str],
    output_names: Sequence[str],
    dynamic: Mapping[str, Sequence[int]] | None = None,
    *,
    tolerance: float = TOLERANCE,
    seed: int = 0,
) -> bytes:
    """Make an ONNX graph of a module and compare the two.

    Both run on the examples, on one row, and on random mixtures of the examples' rows in another batch size.

    Args:
        module: copied, so that it stays in its mode and on its device.
        example_inputs: valid inputs, two rows or more.
        input_names: of the graph.
        output_names: of the graph.
        dynamic: axes of any length by input; the first of each if not given.
        tolerance: largest difference allowed.
        seed: of the mixtures.

    Returns:
        The serialised graph, weights inside.

    Raises:
        ArtifactError: the module cannot be exported, or the graph's numbers differ; says by how much.
        OptionError: examples of fewer than two rows.
    """
    examples = tuple(item.detach().cpu() for item in example_inputs)
    if any(len(item) < 2 for item in examples):
        raise OptionError(f"Examples need two rows or more, received {[tuple(item.shape) for item in examples]}.")
    still = copy.deepcopy(module).cpu().eval()
    axes = tuple(
        dict.fromkeys(tuple(dynamic[name]) if dynamic else (0,), torch.export.Dim.DYNAMIC) for name in input_names
    )
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                still,
                examples,
                input_names=list(input_names),
                output_names=[name + _OUTER for name in output_names],
                dynamic_shapes=axes,
                opset_version=_OPSET,
                dynamo=True,
                verbose=False,
            )
        assert program is not None
        graph = _serialised(program.model_proto, output_names)
    except Exception as error:  # the exporter raises errors of many kinds, none with a common root
        raise ArtifactError(f"{type(module).__name__} cannot be exported to ONNX: {error}") from error
    worst = difference(graph, still, _batches(examples, seed), input_names)
    if not worst <= tolerance:
        raise ArtifactError(
            f"The exported graph of {type(module).__name__} differs from PyTorch by {worst:.2e}, allowed is "
            f"{tolerance:.0e}. Look for operations in half precision, or for state that changes between calls."
        )
    return graph


def _serialised(model: Any, output_names: Sequence[str]) -> bytes:
    """Give the outputs their names; a value inside that has one of them already (CLIP's ``embedding``) gets another."""
    names = {name: name + _INNER for name in output_names} | {name + _OUTER: name for name in output_names}
    graph = model.graph
    for node in graph.node:
        for values in (node.input, node.output):
            values[:] = [names.get(value, value) for value in values]
    for value in (*graph.output, *graph.value_info, *graph.initializer):
        value.name = names.get(value.name, value.name)
    serialised: bytes = model.SerializeToString()
    return serialised


def difference(
    graph: bytes, module: nn.Module, batches: Sequence[Sequence[Tensor]], input_names: Sequence[str]
) -> float:
    """Largest difference between a graph's outputs and a module's, over several batches."""
    session = _session(graph)
    worst = 0.0
    for batch in batches:
        with torch.no_grad():
            expected = module(*batch)
        wanted = (expected,) if isinstance(expected, Tensor) else tuple(expected)
        found = session.run(None, {name: item.numpy() for name, item in zip(input_names, batch, strict=True)})
        for ours, theirs in zip(found, wanted, strict=True):
            gap = np.abs(np.asarray(ours, np.float64) - theirs.double().numpy())
            worst = max(worst, float(gap.max())) if np.isfinite(gap).all() else float("inf")
    return worst


def quantise(graph: bytes, calibration: Float[np.ndarray, n * rest], input_name: str) -> bytes:
    """Bring a graph's weights to eight bits.

    Args:
        graph: with one input.
        calibration: real inputs, from which the range of activations in convolutional networks is taken.
        input_name: of the input.

    Raises:
        MissingExtraError: the extra ``train`` is not installed.
    """
    onnx = optional_import("onnx", extra="train", purpose="export eight-bit models")
    tool = optional_import("onnxruntime.quantization", extra="train", purpose="export eight-bit models")

    class Reader(tool.CalibrationDataReader):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            starts = range(0, len(calibration), _CALIBRATION_BATCH)
            self._parts: Iterator[np.ndarray] = (calibration[at : at + _CALIBRATION_BATCH] for at in starts)

        def get_next(self) -> dict[str, np.ndarray] | None:
            part = next(self._parts, None)
            return None if part is None else {input_name: part}

    model = onnx.load_from_string(graph)
    del model.graph.value_info[:]  # shapes that the exporter's optimiser left behind contradict the tool's own
    kinds = [node.op_type for node in model.graph.node]
    with tempfile.TemporaryDirectory() as folder, _quiet():
        before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
        onnx.save(model, before)
        int8 = {"weight_type": tool.QuantType.QInt8, "per_channel": True}
        if kinds.count("Conv") > kinds.count("MatMul"):
            only = ["Conv", "Gemm", "MatMul", "Add", "Relu"]
            tool.quantize_static(
                before, after, Reader(), op_types_to_quantize=only, activation_type=tool.QuantType.QUInt8, **int8
            )
        else:
            tool.quantize_dynamic(before, after, op_types_to_quantize=["MatMul", "Gemm"], **int8)
        return after.read_bytes()


def export_alignment(
    image: nn.Module,
    location: nn.Module,
    *,
    basis: Float[np.ndarray, "k d"],
    activation: Float[np.ndarray, "k 2"],
    preprocessing: Preprocessing,
    header: BundleHeader,
    folder: Path | str,
    int8: bool = False,
    calibration: Float[np.ndarray, "n 3 h w"] | None = None,
    overwrite: bool = False,
) -> Bundle:
    """Write an alignment bundle.

    Args:
        image: preprocessed pictures to vectors of any length.
        location: latitudes and longitudes in degrees to vectors of any length.
        basis: unit vectors of the concepts, in the order of the header's ids; ``k`` may be 0.
        activation: scale and offset of each concept's probability, NaN for those without.
        preprocessing: of ``image``; goes into the header.
        header: the card; ``concepts`` and ``config`` as `whence.encode.bundled.AlignmentSettings` reads them.
        folder: of the bundle.
        int8: bring the image graph to eight bits.
        calibration: preprocessed real pictures; needed for ``int8``, used for the comparison if given.
        overwrite: replace a bundle that is there.

    Returns:
        The bundle, loaded and checked; ``calibration.int8_cosine`` in its header says what eight bits cost.

    Raises:
        ArtifactError: a graph differs from PyTorch, an incomplete header, or parts that do not fit together.
        OptionError: ``int8`` without ``calibration``, or something lies at ``folder``.
    """
    header = replace(header, kind=KIND, preprocessing=preprocessing.to_dict())
    header.check(f"The bundle {header.name!r}")
    AlignmentSettings.from_header(header)
    parts = {"basis": basis.astype(np.float32), "activation": activation.astype(np.float32)}
    check_parts(parts["basis"], parts["activation"], header.concept_ids, f"The bundle {header.name!r}")
    if int8 and (calibration is None or len(calibration) < 2):
        raise OptionError("An eight-bit bundle needs two or more preprocessed pictures as calibration, received none.")
    shown = noise_pixels(preprocessing) if calibration is None else calibration.astype(np.float32)
    picture, place = UnitLength(image), UnitLength(location)
    graphs = {
        "image": export_graph(picture, [torch.from_numpy(shown[:4])], ["pixels"], ["embedding"]),
        "location": export_graph(place, [example_places()], ["lat_lon_deg"], ["embedding"]),
    }
    if int8:
        graphs["image"] = quantise(graphs["image"], shown, "pixels")
        cosine = _least_cosine(graphs["image"], picture, shown)
        if not cosine >= LEAST_INT8_COSINE:
            raise ArtifactError(
                f"In eight bits the image graph's embeddings have a cosine of {cosine:.4f} to those of PyTorch, at "
                f"least {LEAST_INT8_COSINE} is needed. Give more, or more typical, pictures as calibration, or do "
                "without int8."
            )
        header = replace(header, calibration={**header.calibration, "int8_cosine": round(cosine, 5)})
    return write_bundle(folder, header, parts, graphs, overwrite=overwrite)


def half_stored(graph: bytes) -> bytes:
    """Store a graph's large weights in half precision; they are brought back to single when the graph is loaded.

    Half the size, for networks that were published in half precision without any loss.
    """
    onnx = optional_import("onnx", extra="train", purpose="export models")
    model = onnx.load_from_string(graph)
    body = model.graph
    casts = []
    for item in body.initializer:
        if item.data_type == onnx.TensorProto.FLOAT and onnx.numpy_helper.to_array(item).size >= _LARGE:
            half = onnx.numpy_helper.to_array(item).astype(np.float16)
            single = item.name
            item.CopyFrom(onnx.numpy_helper.from_array(half, f"{single}.half"))
            casts.append(onnx.helper.make_node("Cast", [f"{single}.half"], [single], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *body.node]
    del body.node[:]
    body.node.extend(nodes)
    serialised: bytes = model.SerializeToString()
    return serialised


def noise_pixels(preprocessing: Preprocessing) -> Float[np.ndarray, "4 3 side side"]:
    """Four preprocessed pictures of noise, to compare a graph with where there are no real ones."""
    side = preprocessing.crop_px
    pixels = np.random.default_rng(0).integers(0, 256, (4, side, side, 3), dtype=np.uint8)
    return preprocessing.normalise(pixels)


def example_places() -> Float[Tensor, "n 2"]:
    """Places all over the Earth, the poles and both sides of the antimeridian among them."""
    rng = np.random.default_rng(0)
    lat = np.degrees(np.arcsin(rng.uniform(-1.0, 1.0, 58)))
    anywhere = np.stack([lat, rng.uniform(-180.0, 180.0, 58)], axis=1)
    special = [(90.0, 0.0), (-90.0, 0.0), (0.0, -180.0), (0.0, 179.9999), (-60.0, -179.9999), (0.0, 0.0)]
    return torch.from_numpy(np.concatenate([anywhere, np.asarray(special)]).astype(np.float32))


def _batches(examples: Sequence[Tensor], seed: int) -> list[tuple[Tensor, ...]]:
    """The examples, their first row, and random mixtures of their rows (of whole numbers: random rows)."""
    generator = torch.Generator().manual_seed(seed)
    count = 2 * len(examples[0]) + 1
    mixed = []
    for item in examples:
        first, second = (item[torch.randint(len(item), (count,), generator=generator)] for _ in range(2))
        share = torch.rand((count, *[1] * (item.dim() - 1)), generator=generator)
        mixed.append(share * first + (1 - share) * second if item.is_floating_point() else first)
    return [tuple(examples), tuple(item[:1] for item in examples), tuple(mixed)]


def _least_cosine(graph: bytes, module: UnitLength, pixels: Float[np.ndarray, "n 3 h w"]) -> float:
    session = _session(graph)
    still = copy.deepcopy(module).cpu().eval()
    least = 1.0
    for at in range(0, len(pixels), _CALIBRATION_BATCH):
        part = pixels[at : at + _CALIBRATION_BATCH]
        with torch.no_grad():
            wanted = still(torch.from_numpy(part)).numpy()
        found = session.run(None, {"pixels": part})[0]
        least = min(least, float(np.einsum("nd,nd->n", wanted, found).min()))
    return least


def _session(graph: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime has its own tree of errors, without a common root
        raise ArtifactError(f"ONNX Runtime {onnxruntime.__version__} cannot run the exported graph: {error}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporters' chatter off the screen; errors still rise."""
    loggers = [logging.getLogger(name) for name in _NOISY]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
