"""What a phone does to a receipt: it lies on a table, slightly askew, unevenly lit, with grain."""

from __future__ import annotations

import numpy as np
from PIL import Image

_TABLE = 96


def photograph(
    page: Image.Image, *, seed: int, lean: float = 0.03, grain: float = 6.0
) -> Image.Image:
    """A page as a phone sees it, still upright.

    `lean` is how far the corners stray, as a share of the size; `grain` the deviation of the noise
    in grey levels. The same seed gives the same picture.
    """
    random = np.random.default_rng(seed)
    width, height = page.size
    border = width // 10
    table = Image.new("L", (width + 2 * border, height + 2 * border), _TABLE)
    table.paste(page, (border, border))
    stray = random.uniform(0.2, 1.0, 8) * lean * width
    w, h = table.size
    # The picture's corners in the order that QUAD wants: top left, down, right, up.
    corners = (
        stray[0], stray[1], stray[2], h - stray[3],
        w - stray[4], h - stray[5], w - stray[6], stray[7],
    )  # fmt: skip
    leaning = table.transform(table.size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC)
    return _develop(leaning, random, grain)


def _develop(image: Image.Image, random: np.random.Generator, grain: float) -> Image.Image:
    """Light that falls off to one side, then grain."""
    levels = np.asarray(image, dtype=np.float32)
    light = np.linspace(1.0, 0.82, levels.shape[1], dtype=np.float32)
    noise = random.standard_normal(levels.shape, dtype=np.float32) * np.float32(grain)
    return Image.fromarray(np.clip(levels * light + noise, 0, 255).astype(np.uint8))
