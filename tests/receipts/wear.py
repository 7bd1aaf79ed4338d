"""What happens to a receipt until it is read: wear of the paper, then a phone or a scanner."""

from __future__ import annotations

import random
from dataclasses import dataclass
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Levels = NDArray[np.float32]


@dataclass(frozen=True)
class Wear:
    """How bad it is; lengths in pixels, angles in degrees, `lean` as a share of the size."""

    angle: float
    lean: float
    wrinkles: float
    creases: int
    shadow: float
    fade: float
    streaks: int
    blur: float
    shake: int
    noise: float
    quality: int
    table: int
    turned: int
    """By which the whole picture is turned: 0, 90, 180, 270."""


CLEAN = Wear(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 95, 250, 0)
_TURNED = 0.14


def wear(chance: random.Random, hard: float) -> Wear:
    """Some wear; `hard` goes from 0, a scan of new paper, to 1, a bad photo of an old receipt."""

    def upto(most: float) -> float:
        return chance.uniform(0, most) * hard

    return Wear(
        angle=chance.choice((-1, 1)) * upto(10),
        lean=upto(0.08),
        wrinkles=upto(3.0),
        creases=int(upto(4.99)),
        shadow=upto(0.7),
        fade=upto(0.7),
        streaks=int(upto(3.5)),
        blur=upto(1.4),
        shake=int(upto(4.99)),
        noise=upto(20),
        quality=round(95 - upto(60)),
        table=chance.choice((40, 96, 150, 235)),
        turned=chance.choice((90, 180, 270)) if chance.random() < _TURNED else 0,
    )


def worn(image: Image.Image, how: Wear, seed: int | str) -> bytes:
    """The picture that is taken of a receipt, as JPEG; the same seed gives the same bytes."""
    number = random.Random(f"wear {seed}").getrandbits(32)
    dice = np.random.default_rng(number)
    levels = np.asarray(image, dtype=np.float32)
    levels = _faded(levels, how, dice)
    if how != CLEAN:
        levels = _bent(levels, how, dice)
        levels = _lit(levels, how, dice)
    if how.blur > 0.2:
        levels = cv2.GaussianBlur(levels, (0, 0), how.blur)  # type: ignore[assignment]
    if how.shake > 1:
        levels = _shaken(levels, how.shake, level=dice.random() < 0.5)
    levels = levels + dice.standard_normal(levels.shape, dtype=np.float32) * np.float32(how.noise)
    taken = Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))
    if how.turned:
        taken = taken.rotate(how.turned, expand=True)
    answer = BytesIO()
    taken.save(answer, "JPEG", quality=how.quality)
    return answer.getvalue()


def _faded(levels: Levels, how: Wear, dice: np.random.Generator) -> Levels:
    """Ink that thermal paper loses, in patches, and columns where the head printed less."""
    height, width = levels.shape
    paper = levels.max()
    patches = _smooth(dice, height, width, coarse=6)
    left = 1.0 - np.float32(how.fade) * (0.55 + 0.45 * patches)
    faded = paper - (paper - levels) * left
    for _ in range(how.streaks):
        at = int(dice.integers(0, width))
        wide = int(dice.integers(1, 3))
        faded[:, at : at + wide] = (faded[:, at : at + wide] + paper) / 2
    return np.asarray(faded, dtype=np.float32)


def _bent(levels: Levels, how: Wear, dice: np.random.Generator) -> Levels:
    """Paper that is wrinkled and lies askew on a table, seen from the side."""
    border = int(0.08 * levels.shape[1]) + 10
    page = cv2.copyMakeBorder(
        levels, *(border,) * 4, borderType=cv2.BORDER_CONSTANT, value=float(how.table)
    )
    rows, columns = page.shape
    y, x = np.indices((rows, columns), dtype=np.float32)
    across = (_smooth(dice, rows, columns, coarse=9) * 2 - 1) * np.float32(how.wrinkles)
    down = (_smooth(dice, rows, columns, coarse=9) * 2 - 1) * np.float32(how.wrinkles * 1.5)
    page = cv2.remap(page, x + across, y + down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return _seen_askew(np.asarray(page, dtype=np.float32), how, dice)


def _seen_askew(page: Levels, how: Wear, dice: np.random.Generator) -> Levels:
    """The page turned by the angle and leaning; nothing of it is cut off."""
    rows, columns = page.shape
    corners = np.array([(0, 0), (columns, 0), (columns, rows), (0, rows)], dtype=np.float32)
    stray = dice.uniform(-1, 1, (4, 2)).astype(np.float32) * how.lean * min(rows, columns)
    turn = cv2.getRotationMatrix2D((columns / 2, rows / 2), how.angle, 1.0)
    moved = (corners + stray) @ turn[:, :2].T.astype(np.float32) + turn[:, 2].astype(np.float32)
    moved -= moved.min(axis=0)
    size = tuple(int(edge) + 1 for edge in moved.max(axis=0))
    seen = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    return np.asarray(
        cv2.warpPerspective(page, seen, size, flags=cv2.INTER_LINEAR, borderValue=float(how.table)),
        dtype=np.float32,
    )


def _lit(levels: Levels, how: Wear, dice: np.random.Generator) -> Levels:
    """Light from one side, a shadow with an edge, and creases that shine or darken."""
    rows, columns = levels.shape
    y, x = np.indices((rows, columns), dtype=np.float32)
    angle = float(dice.uniform(0, 2 * np.pi))
    ramp = (x / columns) * np.cos(angle) + (y / rows) * np.sin(angle)
    ramp = (ramp - ramp.min()) / max(float(np.ptp(ramp)), 1e-6)
    light = 1.0 - np.float32(how.shadow) * 0.6 * ramp
    edge = float(dice.uniform(0.3, 0.9))
    light = light * (1.0 - 0.4 * how.shadow / (1.0 + np.exp(-(ramp - edge) * 40)))
    for _ in range(how.creases):
        along, at = (y, rows) if dice.random() < 0.6 else (x, columns)
        tilt = (x if along is y else y) * float(dice.uniform(-0.1, 0.1))
        away = along + tilt - float(dice.uniform(0.05, 0.95)) * at
        light = light + float(dice.uniform(-0.22, 0.12)) * np.exp(-((away / 2.5) ** 2))
    return np.asarray(levels * light, dtype=np.float32)


def _shaken(levels: Levels, pixels: int, *, level: bool) -> Levels:
    """Blur in one direction, as by a hand that moved."""
    kernel = np.full((1, pixels) if level else (pixels, 1), 1 / pixels, dtype=np.float32)
    return np.asarray(cv2.filter2D(levels, -1, kernel), dtype=np.float32)


def _smooth(dice: np.random.Generator, rows: int, columns: int, *, coarse: int) -> Levels:
    """A field of slow changes between 0 and 1."""
    few = dice.random((coarse, coarse), dtype=np.float32)
    return np.asarray(
        cv2.resize(few, (columns, rows), interpolation=cv2.INTER_CUBIC), dtype=np.float32
    ).clip(0, 1)
