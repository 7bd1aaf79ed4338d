"""Reads and writes ONNX files as far as their models are changed here, without an ONNX package.

An ONNX file is one protocol buffers message (protobuf.dev, "Encoding"; field numbers from
onnx.proto3).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
MODEL_GRAPH, MODEL_METADATA = 7, 14
GRAPH_INITIALIZER, GRAPH_OUTPUT, GRAPH_SHAPES = 5, 12, 13
TENSOR_DIMENSION, TENSOR_RAW = 1, 9
ENTRY_KEY, ENTRY_VALUE = 1, 2


class FormatError(ValueError):
    """The file is not built as expected."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message: its number, its wire type, and what it holds."""

    number: int
    kind: int
    value: memoryview
    """The payload of a length-delimited field; empty for the others."""
    varint: int
    whole: memoryview
    """The field with its key, to be copied as it is."""


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        if position >= len(data):
            raise FormatError("the file ends in the middle of a field")
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, position
        shift += 7


def fields(data: memoryview) -> Iterator[Field]:
    """The fields of a message, in order; raises FormatError where it is none."""
    position = 0
    while position < len(data):
        start = position
        key, position = _varint(data, position)
        number, kind = key >> 3, key & 7
        value, varint = data[0:0], 0
        if kind == _VARINT:
            varint, position = _varint(data, position)
        elif kind == _LENGTH:
            length, position = _varint(data, position)
            value = data[position : position + length]
            position += length
        elif kind in (_FIXED32, _FIXED64):
            position += 4 if kind == _FIXED32 else 8
        else:
            raise FormatError(f"wire type {kind} is not known")
        yield Field(number, kind, value, varint, data[start:position])


def encode_varint(value: int) -> bytes:
    """A number as it stands in a message."""
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def encode_length(number: int, payload: bytes) -> bytes:
    """A field that holds bytes."""
    return encode_varint(number << 3 | _LENGTH) + encode_varint(len(payload)) + payload


def shape_of(tensor: memoryview) -> list[int]:
    """The dimensions of a tensor."""
    shape: list[int] = []
    for field in fields(tensor):
        if field.number != TENSOR_DIMENSION:
            continue
        if field.kind == _VARINT:
            shape.append(field.varint)
        else:
            position = 0
            while position < len(field.value):
                size, position = _varint(field.value, position)
                shape.append(size)
    return shape
