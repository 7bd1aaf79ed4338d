"""How large and how long a file may be for its parsers, and how a request carries that."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.children.frames import JSON
from daemon.errors import RefusedError

SUM_OF_PAGES = 10
"""All pages together may have so many times the pixels of one."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The type to prove a file as, and its limits; `max_pixels` is for one page."""

    media_type: str
    max_pages: int
    max_pixels: int

    def request(self) -> JSON:
        """These bounds as a request to a proving child."""
        return {
            "media_type": self.media_type,
            "max_pages": self.max_pages,
            "max_pixels": self.max_pixels,
        }

    @classmethod
    def from_request(cls, request: dict[str, JSON]) -> Bounds:
        """The bounds in a request."""
        pages, pixels = request["max_pages"], request["max_pixels"]
        assert isinstance(pages, int)
        assert isinstance(pixels, int)
        return cls(str(request["media_type"]), pages, pixels)

    def check_page(self, width: float, height: float) -> None:
        """Raises RefusedError with `too_many_pixels` for a page over the limit.

        A page without any area is `damaged`.
        """
        if width < 1 or height < 1:
            raise RefusedError("damaged", "a page has no area")
        if width * height > self.max_pixels:
            raise RefusedError(
                "too_many_pixels",
                f"a page of {width:.0f} x {height:.0f} pixels is over the "
                f"{self.max_pixels:,} of max_pixels",
            )

    def check_sum(self, pixels: float) -> None:
        """Raises RefusedError with `too_many_pixels` if all pages together are over the limit."""
        if pixels > self.max_pixels * SUM_OF_PAGES:
            raise RefusedError(
                "too_many_pixels",
                f"all pages together have over {SUM_OF_PAGES} times the "
                f"{self.max_pixels:,} of max_pixels",
            )

    def check_count(self, pages: int) -> None:
        """Raises RefusedError with `too_many_pages` for a document over the limit."""
        if pages > self.max_pages:
            raise RefusedError(
                "too_many_pages", f"it has more than the {self.max_pages} pages of max_pages"
            )
