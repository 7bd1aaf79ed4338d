"""Pages are turned upright by what can be read on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from daemon.reading.document import Line
from daemon.reading.image import Image
from daemon.reading.orientation import read_upright, turned
from daemon.reading.reader import Reader
from tests.reading.drawing import LETTERS, encoded, letters, read, receipt


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_turned_page_reads_as_an_upright_one(reader: Reader, turn: int, tmp_path: Path) -> None:
    """All four orientations give the same text; the page tells what made it upright."""
    picture = receipt().rotate(-turn, expand=True)
    document = read(reader, encoded(picture, "PNG"), "image/png", tmp_path)
    assert letters(document) == LETTERS
    [page] = document.pages
    assert page.rotation == (360 - turn) % 360
    assert (page.width, page.height) == receipt().size


def test_boxes_are_in_pixels_of_the_upright_page(reader: Reader, tmp_path: Path) -> None:
    """After turning, a line's box lies where the line is on the upright page."""
    upright = read(reader, encoded(receipt(), "PNG"), "image/png", tmp_path)
    lying = encoded(receipt().rotate(-90, expand=True), "PNG")
    turned_page = read(reader, lying, "image/png", tmp_path)
    for one, other in zip(upright.pages[0].lines, turned_page.pages[0].lines, strict=True):
        assert np.allclose(one.box, other.box, atol=4)


def test_an_upright_page_is_read_once() -> None:
    """A legible page costs one reading."""
    seen = []

    def read_once(image: Image) -> list[Line]:
        seen.append(image.shape)
        return [Line("legible text", 0.97, (0, 0, 90, 0, 90, 9, 0, 9))]

    assert read_upright(read_once, np.zeros((80, 100, 3), np.uint8))[0] == 0
    assert len(seen) == 1


def test_an_illegible_page_is_also_tried_upside_down() -> None:
    """The better of the two readings counts."""

    def read_corner(image: Image) -> list[Line]:
        right = image[0, 0, 0] == 255
        return [Line("abc", 0.8 if right else 0.4, (0, 0, 90, 0, 90, 9, 0, 9))]

    image = np.zeros((80, 100, 3), np.uint8)
    image[-1, -1] = 255
    rotation, lines = read_upright(read_corner, image)
    assert (rotation, lines[0].confidence) == (180, 0.8)


def test_a_blank_page_stays_as_it_is() -> None:
    """Where there is nothing to read, nothing is turned."""
    assert read_upright(lambda _: [], np.zeros((10, 100, 3), np.uint8)) == (0, [])


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_turning_is_clockwise(rotation: int) -> None:
    """The top left corner goes to the right, then to the bottom, then to the left."""
    image = np.zeros((3, 5, 3), np.uint8)
    image[0, 0] = 255
    corners = {0: (0, 0), 90: (0, -1), 180: (-1, -1), 270: (-1, 0)}
    assert turned(image, rotation)[corners[rotation]].all()
