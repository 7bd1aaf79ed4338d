"""Cuts a recogniser's output to Latin characters, in the bytes of its ONNX file.

The last layer of the multilingual recogniser scores 18,708 characters for every few pixels of a
line. Without the rows that no Latin text needs, nothing but Latin comes out, and a quarter of the
time goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daemon.reading.onnx_file import (
    ENTRY_KEY,
    ENTRY_VALUE,
    GRAPH_INITIALIZER,
    GRAPH_OUTPUT,
    GRAPH_SHAPES,
    MODEL_GRAPH,
    MODEL_METADATA,
    TENSOR_DIMENSION,
    TENSOR_RAW,
    FormatError,
    encode_length,
    encode_varint,
    fields,
    shape_of,
)

_SIGNS = frozenset("¡¢£¥§©«®°±²³µ·º»¿×÷–—‘’“”„•…‰€₹₽™−")  # noqa: RUF001 - these are meant
_UNUSED = frozenset("ÐðÞþĈĉĊċĔĕĜĝĠġĤĥĦħĨĩĬĭĲĳĴĵĸĿŀŉŊŋŎŏŔŕŜŝŦŧŬŭŴŵŶŷſŢţŨũĹĺĻļŖŗŅņĶķĢģĀāĒēĪīŌōŪū")
"""Letters of languages that receipts are rarely in; kept, they turn up as stray accents."""


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
    """The model with its last layer cut to Latin; raises FormatError where it cannot be."""
    view = memoryview(model)
    characters = alphabet(view)
    classes = len(characters) + 2
    kept = [index + 1 for index, character in enumerate(characters) if is_latin(character)]
    columns = np.array([0, *kept, classes - 1])
    parts: list[bytes] = []
    tensors = 0
    for field in fields(view):
        if field.number == MODEL_GRAPH:
            graph, tensors = _cut_graph(field.value, classes, columns)
            parts.append(encode_length(field.number, graph))
        else:
            parts.append(bytes(field.whole))
    if tensors != 2:
        raise FormatError(f"expected a weight and a bias of {classes} classes, found {tensors}")
    return LatinModel(b"".join(parts), classes_of([characters[index - 1] for index in kept]))


def classes_of(characters: Sequence[str]) -> tuple[str, ...]:
    """What each class of a recogniser with this alphabet stands for."""
    return ("", *characters, " ")


def alphabet(model: memoryview) -> list[str]:
    """The characters that a recogniser knows, which its file carries as metadata, one a line.

    Raises FormatError where it does not.
    """
    for field in fields(model):
        if field.number != MODEL_METADATA:
            continue
        entry = {part.number: bytes(part.value) for part in fields(field.value)}
        if entry.get(ENTRY_KEY) == b"character":
            return entry[ENTRY_VALUE].decode().splitlines()
    raise FormatError("the model does not carry its characters")


def _cut_graph(graph: memoryview, classes: int, columns: NDArray[np.int64]) -> tuple[bytes, int]:
    """The graph with every tensor of `classes` columns cut, and how many there were.

    Declared shapes are left out: they would say the old number of classes.
    """
    parts: list[bytes] = []
    tensors = 0
    for field in fields(graph):
        if field.number == GRAPH_INITIALIZER and (shape := shape_of(field.value))[-1:] == [classes]:
            parts.append(encode_length(field.number, _cut_tensor(field.value, shape, columns)))
            tensors += 1
        elif field.number == GRAPH_OUTPUT:
            name = next(part for part in fields(field.value) if part.number == 1)
            parts.append(encode_length(field.number, bytes(name.whole)))
        elif field.number != GRAPH_SHAPES:
            parts.append(bytes(field.whole))
    return b"".join(parts), tensors


def _cut_tensor(tensor: memoryview, shape: list[int], columns: NDArray[np.int64]) -> bytes:
    head: list[bytes] = []
    data: bytes | None = None
    for field in fields(tensor):
        if field.number == TENSOR_RAW:
            values = np.frombuffer(field.value, dtype="<f4").reshape(shape)
            data = np.ascontiguousarray(np.take(values, columns, axis=-1)).tobytes()
        elif field.number != TENSOR_DIMENSION:
            head.append(bytes(field.whole))
    if data is None:
        raise FormatError("the last layer keeps its numbers elsewhere")
    sizes = [*shape[:-1], len(columns)]
    dimensions = [encode_varint(TENSOR_DIMENSION << 3) + encode_varint(size) for size in sizes]
    return b"".join([*dimensions, *head, encode_length(TENSOR_RAW, data)])
