"""Graphs of ONNX that users bring, run on one thread."""

from __future__ import annotations

from typing import Any

from whence.core.errors import ArtifactError

_ERRORS_ONLY = 3


def open_graph(content: bytes, inputs: dict[str, int], name: str, threads: int = 1) -> Any:
    """A session of ONNX Runtime on the CPU.

    Args:
        content: of the file.
        inputs: names that its inputs must have, with their numbers of axes.
        name: of the file, for messages.
        threads: that one run may use.

    Raises:
        ArtifactError: it is no graph, or one with other inputs.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise ArtifactError(f"The file {name} is no graph that ONNX Runtime can load ({reason}).") from error
    found = {item.name: len(item.shape) for item in session.get_inputs()}
    if found != inputs:
        raise ArtifactError(f"The graph {name} has the inputs {found}; expected are {inputs}. Give the published file.")
    return session
