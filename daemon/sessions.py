"""HTTP sessions for servers that are not trusted."""

from __future__ import annotations

from typing import Any

import requests


class PlainSession(requests.Session):
    """A session that takes nothing from the environment and looks at no redirect.

    Neither proxies nor a .netrc are used. Even where redirects are not followed, requests takes in
    the whole body of one, without any bound, and fails on an address in it that is none.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False

    def get_redirect_target(self, resp: Any) -> None:
        """Nowhere: the caller reads the Location himself, or does not."""
