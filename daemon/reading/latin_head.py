"""Cuts a recogniser's output to Latin characters, in the bytes of its ONNX file.

The last layer of the multilingual recogniser scores 18,708 characters for every few pixels of a
line. Without the rows that no Latin text needs, nothing but Latin comes out, and a quarter of the
time goes. The cut works on the protocol buffers encoding itself (protobuf.dev, "Encoding"; field
numbers from onnx.proto3), so no ONNX package is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_MODEL_GRAPH = 7
_MODEL_METADATA = 14
_GRAPH_INITIALIZER, _GRAPH_OUTPUT, _GRAPH_SHAPES = 5, 12, 13
_TENSOR_DIMENSION, _TENSOR_NAME, _TENSOR_RAW = 1, 8, 9
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_SIGNS = frozenset("¡¢£¥§©«®°±²³µ·º»¿×÷–—‘’“”„•…‰€₹₽™−")  # noqa: RUF001 - these are meant
_UNUSED = frozenset("ÐðÞþĈĉĊċĔĕĜĝĠġĤĥĦħĨĩĬĭĲĳĴĵĸĿŀŉŊŋŎŏŔŕŜŝŦŧŬŭŴŵŶŷſŢţŨũĹĺĻļŖŗŅņĶķĢģĀāĒēĪīŌōŪū")
"""Letters of languages that receipts are rarely in; kept, they turn up as stray accents."""


class HeadError(ValueError):
    """The model is not built as expected; it can still be used as it is."""


@dataclass(frozen=True, slots=True)
class LatinModel:
    """A recogniser that only knows `characters`; class 0 is the blank, the last one a space."""

    model: bytes
    characters: tuple[str, ...]


def is_latin(character: str) -> bool:
    """Whether a class of the recogniser is kept: ASCII, letters of Europe, money, common signs."""
    if len(character) != 1:
        return False
    code = ord(character)
    letter = 0xC0 <= code <= 0x17F and character not in _UNUSED
    return 0x20 <= code <= 0x7E or letter or character in _SIGNS


def cut(model: bytes) -> LatinModel:
    """The model with its last layer cut to Latin; raises HeadError where it is built otherwise."""
    view = memoryview(model)
    characters = _characters(view)
    classes = len(characters) + 2
    kept = [index + 1 for index, character in enumerate(characters) if is_latin(character)]
    columns = np.array([0, *kept, classes - 1])
    parts: list[bytes] = []
    tensors = 0
    for field in _fields(view):
        if field.number == _MODEL_GRAPH:
            graph, tensors = _cut_graph(field.value, classes, columns)
            parts.append(_encode_length(field.number, graph))
        else:
            parts.append(bytes(field.whole))
    if tensors != 2:
        raise HeadError(f"expected a weight and a bias of {classes} classes, found {tensors}")
    names = ("", *(characters[index - 1] for index in kept), " ")
    return LatinModel(b"".join(parts), names)


@dataclass(frozen=True, slots=True)
class _Field:
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
            raise HeadError("the file ends in the middle of a field")
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, position
        shift += 7


def _fields(data: memoryview) -> Iterator[_Field]:
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
            raise HeadError(f"wire type {kind} is not known")
        yield _Field(number, kind, value, varint, data[start:position])


def _encode_varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _encode_length(number: int, payload: bytes) -> bytes:
    return _encode_varint(number << 3 | _LENGTH) + _encode_varint(len(payload)) + payload


def _characters(model: memoryview) -> list[str]:
    """The recogniser's alphabet, which its file carries as metadata, one character a line."""
    for field in _fields(model):
        if field.number != _MODEL_METADATA:
            continue
        entry = {part.number: bytes(part.value) for part in _fields(field.value)}
        if entry.get(_ENTRY_KEY) == b"character":
            return entry[_ENTRY_VALUE].decode().splitlines()
    raise HeadError("the model does not carry its characters")


def _cut_graph(graph: memoryview, classes: int, columns: NDArray[np.int64]) -> tuple[bytes, int]:
    """The graph with every tensor of `classes` columns cut, and how many there were.

    Declared shapes are left out: they would say the old number of classes.
    """
    parts: list[bytes] = []
    tensors = 0
    for field in _fields(graph):
        if field.number == _GRAPH_INITIALIZER and (shape := _shape(field.value))[-1:] == [classes]:
            parts.append(_encode_length(field.number, _cut_tensor(field.value, shape, columns)))
            tensors += 1
        elif field.number == _GRAPH_OUTPUT:
            name = next(part for part in _fields(field.value) if part.number == 1)
            parts.append(_encode_length(field.number, bytes(name.whole)))
        elif field.number != _GRAPH_SHAPES:
            parts.append(bytes(field.whole))
    return b"".join(parts), tensors


def _shape(tensor: memoryview) -> list[int]:
    shape: list[int] = []
    for field in _fields(tensor):
        if field.number != _TENSOR_DIMENSION:
            continue
        if field.kind == _VARINT:
            shape.append(field.varint)
        else:
            position = 0
            while position < len(field.value):
                size, position = _varint(field.value, position)
                shape.append(size)
    return shape


def _cut_tensor(tensor: memoryview, shape: list[int], columns: NDArray[np.int64]) -> bytes:
    head: list[bytes] = []
    data: bytes | None = None
    for field in _fields(tensor):
        if field.number == _TENSOR_RAW:
            values = np.frombuffer(field.value, dtype="<f4").reshape(shape)
            data = np.ascontiguousarray(np.take(values, columns, axis=-1)).tobytes()
        elif field.number != _TENSOR_DIMENSION:
            head.append(bytes(field.whole))
    if data is None:
        raise HeadError("the last layer keeps its numbers elsewhere")
    sizes = [*shape[:-1], len(columns)]
    dimensions = [_encode_varint(_TENSOR_DIMENSION << 3) + _encode_varint(size) for size in sizes]
    return b"".join([*dimensions, *head, _encode_length(_TENSOR_RAW, data)])
