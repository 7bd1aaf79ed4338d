"""Runs the models: by OpenVINO where it is installed, else by onnxruntime, on one thread."""

from __future__ import annotations

import contextlib
import ctypes
import io
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, RuntimeException

from daemon.errors import Kind, ReadingError

Planes = NDArray[np.float32]

_FATAL = 4
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_KEPT_FREE = 256 << 20
_FROM_THE_HEAP = 1 << 30
_TO_THE_SYSTEM = 4 << 20
"""Bytes of a block from which malloc takes it from the heap, or from the system alone."""


class Network(Protocol):
    """One model, ready to run.

    `step` is what the width of its input should be a multiple of, so that few widths occur.
    """

    step: int

    def run(self, planes: Planes) -> Planes:
        """The output for one input; it may be overwritten by the next run.

        Raises ReadingError with code `engine_failed`, for want of memory as a rule.
        """


def runtime_for(wanted: str) -> str:
    """`openvino` or `onnxruntime` for `auto` or either of them."""
    if wanted != "auto":
        return wanted
    try:
        _openvino()
    except ReadingError:
        return "onnxruntime"
    return "openvino"


def load(model: bytes, runtime: str, *, shapes_recur: bool) -> Network:
    """A network from an ONNX file; raises ReadingError with code `engine_missing`.

    `shapes_recur` says whether its inputs come in few shapes, so that what was prepared for one is
    worth keeping.
    """
    return _OpenVino(model, shapes_recur) if runtime == "openvino" else _OnnxRuntime(model)


class _OnnxRuntime:
    """A session on one thread that does not spin while it waits."""

    step = 1

    def __init__(self, model: bytes) -> None:
        _keep_freed_memory()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = _FATAL
        options.enable_cpu_mem_arena = False  # it keeps the most that any page ever took
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    def run(self, planes: Planes) -> Planes:
        try:
            output: Planes = self._session.run(None, {self._input: planes})[0]
        except (Fail, RuntimeException) as error:
            raise _failed(error) from error
        return output


class _OpenVino:
    """A compiled model with one stream on one thread, free to move between cores.

    Every new shape of input costs time and memory, hence the wide step. Where the processor has
    16-bit floating point numbers (bf16) the model uses them, which is most of what is gained.
    """

    step = 32

    def __init__(self, model: bytes, shapes_recur: bool) -> None:
        openvino = _openvino()
        _return_freed_memory()
        core = openvino.Core()
        compiled = core.compile_model(
            core.read_model(io.BytesIO(model)),
            "CPU",
            {
                "INFERENCE_NUM_THREADS": 1,
                "NUM_STREAMS": 1,
                # Pinned, the threads of two processes would share one core.
                "ENABLE_CPU_PINNING": False,
                # Without this a process grows with every new size of page, by gigabytes in the end.
                **({} if shapes_recur else {"CPU_RUNTIME_CACHE_CAPACITY": 0}),
            },
        )
        self._request = compiled.create_infer_request()

    def run(self, planes: Planes) -> Planes:
        try:
            self._request.infer([planes], share_inputs=True)
        except RuntimeError as error:
            raise _failed(error) from error
        output: Planes = self._request.get_output_tensor(0).data
        return output


def _failed(error: Exception) -> ReadingError:
    return ReadingError("engine_failed", f"the OCR engine failed: {error}")


def _openvino() -> Any:
    """The package without its telemetry, which it can do without and imports where it is there."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # bars its import
    try:
        return import_module("openvino")
    except ImportError as error:
        raise ReadingError(
            "engine_missing", f"openvino cannot be loaded: {error}", kind=Kind.ENVIRONMENT
        ) from error


def _keep_freed_memory() -> None:
    """Have malloc keep what a network frees for the next one to take.

    By default large blocks go back to the system at once, and to have the kernel clear new ones
    took a sixth of the time.
    """
    _malloc_options({_M_MMAP_THRESHOLD: _FROM_THE_HEAP, _M_TRIM_THRESHOLD: _KEPT_FREE})


def _return_freed_memory() -> None:
    """Have malloc give large blocks back, which OpenVINO takes anew for each size of page.

    By default blocks of up to 32 MB come to stay on the heap, which then grows with each size by
    what lies between them: fifty megabytes over 45 receipts, and no faster.
    """
    _malloc_options({_M_MMAP_THRESHOLD: _TO_THE_SYSTEM})


def _malloc_options(options: Mapping[int, int]) -> None:
    """Set options of malloc (mallopt(3)), where the system's has them."""
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        for option, value in options.items():
            library.mallopt(option, value)
