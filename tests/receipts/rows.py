"""What a till prints: rows of cells on paper that is so many characters wide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Anchor = Literal["left", "center", "right"]


@dataclass(frozen=True)
class Cell:
    """A run of text that begins, is centred or ends at a column counted in characters."""

    text: str
    at: float
    anchor: Anchor = "left"


@dataclass(frozen=True)
class Row:
    """Cells side by side; `scale` enlarges them, `above` is the space over them in rows."""

    cells: tuple[Cell, ...]
    scale: float = 1.0
    bold: bool = False
    above: float = 0.0


@dataclass(frozen=True)
class Sheet:
    """A whole receipt as printed; `columns` is its width in characters."""

    columns: int
    rows: tuple[Row, ...]

    @property
    def text(self) -> str:
        return "\n".join(" ".join(cell.text for cell in row.cells) for row in self.rows)
