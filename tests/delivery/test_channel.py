"""What a connection does beside carrying bytes."""

from __future__ import annotations

import socket
import sys
import threading

import pytest
import requests

from daemon.delivery.transport.channel import Channel
from daemon.delivery.transport.connecting import address_of
from daemon.delivery.transport.exchange import Exchange
from daemon.delivery.transport.flow import Times
from daemon.limits import DEFAULT

HEAD = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n"


class Told(socket.socket):
    """A socket that keeps what options it was given, and lets a waiting server go on then."""

    def __init__(self, family: int) -> None:
        super().__init__(family)
        self.options: list[tuple[int, int]] = []
        self.acknowledged = threading.Event()

    def setsockopt(self, level: int, option: int, value: int) -> None:  # type: ignore[override]
        super().setsockopt(level, option, value)
        self.options.append((level, option))
        self.acknowledged.set()


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_QUICKACK is Linux's")
@pytest.mark.parametrize("pieces", [(HEAD + b"{}",), (HEAD, b"{}")], ids=["one", "two"])
def test_an_answer_in_pieces_is_acknowledged_between_them(pieces: tuple[bytes, ...]) -> None:
    """A server that writes head and body one by one waits for that before it sends the second."""
    client = Told(socket.AF_INET)

    def answer() -> None:
        server, _ = listener.accept()
        with server:
            server.recv(1000)
            server.sendall(pieces[0])
            for piece in pieces[1:]:
                assert client.acknowledged.wait(60)
                server.sendall(piece)
            server.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener, client:
        serving = threading.Thread(target=answer)
        serving.start()
        client.connect(listener.getsockname())
        client.setblocking(False)
        url = "http://127.0.0.1/"
        request = requests.Request("PUT", url, data=b"x").prepare()
        times = Times(connect=20.0, read=20.0, transfer=20.0, slowest=1.0)
        found = Exchange(request, address_of(url), times, DEFAULT).run(Channel(client))
    serving.join()
    assert (found.status, found.body) == (201, b"{}")
    wanted = (socket.IPPROTO_TCP, socket.TCP_QUICKACK)
    assert client.options == [wanted] * (len(pieces) - 1)
