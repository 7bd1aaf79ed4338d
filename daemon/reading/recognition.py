"""Reads cut-out lines of text: the recognition model and what turns its output into characters.

The model gives for every few pixels of a line the chance of each character or of none; repeats
that no blank parts are one character (Graves et al., "Connectionist Temporal Classification",
ICML 2006).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from daemon.reading.image import Image
from daemon.reading.runtime import Network

HEIGHT = 48
"""Pixels that the model wants a line to be high."""


class Recogniser:
    """Text of lines by the recognition model; `characters` are its classes, the blank first.

    Lines go through one by one: on one thread a batch saves nothing, and padding lines to one
    width costs time and accuracy. Only very short ones are padded, to `narrowest` pixels, for the
    model has not been trained on less, and all to few widths where the network wants that.
    `widest` bounds the memory that one line can take.
    """

    def __init__(
        self,
        network: Network,
        characters: Sequence[str],
        *,
        narrowest: int = 160,
        widest: int = 3200,
    ) -> None:
        self._network = network
        self._characters = np.array(characters, dtype=object)
        self._narrowest = narrowest
        self._widest = widest

    def read(self, line: Image) -> tuple[str, float]:
        """Text, which may be empty, and confidence of one line."""
        height, width = line.shape[:2]
        scaled = max(8, min(self._widest, math.ceil(HEIGHT * width / height)))
        padded = _padded(max(scaled, self._narrowest), self._network.step)
        planes = np.zeros((1, 3, HEIGHT, padded), np.float32)
        _place(line, planes[0], scaled)
        return self._decode(self._network.run(planes)[0])

    def _decode(self, chances: NDArray[np.float32]) -> tuple[str, float]:
        best = chances.argmax(axis=1)
        kept = best != 0
        kept[1:] &= best[1:] != best[:-1]
        if not kept.any():
            return "", 0.0
        sure = chances[kept, best[kept]]
        return "".join(self._characters[best[kept]]).strip(), float(sure.mean())


def _padded(width: int, step: int) -> int:
    """The next width of which there are few; from ten steps on each step is twice as wide."""
    if step > 1:
        while width > 10 * step:
            step *= 2
    return math.ceil(width / step) * step


class SecondLook:
    """Reads with a quick recogniser, and with a better one what the quick one is unsure of."""

    def __init__(self, quick: Recogniser, better: Recogniser, *, sure: float) -> None:
        self._quick = quick
        self._better = better
        self._sure = sure

    def read(self, line: Image) -> tuple[str, float]:
        """Text, which may be empty, and confidence of one line."""
        text, confidence = self._quick.read(line)
        if confidence >= self._sure:
            return text, confidence
        return self._better.read(line)


def _place(line: Image, target: NDArray[np.float32], width: int) -> None:
    """Put a line at the left of a blank one: BGR, from -1 to 1, channels first."""
    small = cv2.resize(line, (width, HEIGHT), interpolation=cv2.INTER_LINEAR)
    for plane in range(3):
        np.multiply(small[:, :, 2 - plane], 1 / 127.5, out=target[plane, :, :width])
    target[:, :, :width] -= 1.0
