"""A connection to an address that was checked, whatever the name resolves to by now."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

Dial = Callable[[str, int, float], socket.socket]
"""Connects to an IP address and a port within so many seconds."""


class PinnedAdapter(HTTPAdapter):
    """Connects only to `address`; the name in the URL still goes into Host, SNI and certificate."""

    def __init__(
        self, address: str, dial: Dial, timeout: float, opened: Callable[[socket.socket], None]
    ) -> None:
        def connect(port: int) -> socket.socket:
            connection = dial(address, port, timeout)
            opened(connection)
            return connection

        self._connect: Callable[[int], socket.socket] = connect
        super().__init__(max_retries=0)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Have the pools of this adapter make pinned connections."""
        super().init_poolmanager(*arguments, **options)
        connect = self._connect

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return connect(self.port or 80)

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return connect(self.port or 443)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
