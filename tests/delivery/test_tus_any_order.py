"""Whatever a tus server does, in whatever order: the file arrives whole, and nothing else does."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.delivery.destination import Parcel
from daemon.errors import DeliveryError, Kind
from tests.delivery.parcels import never, parcel_of, write
from tests.delivery.tus_receiver import Handler, TusReceiver
from tests.delivery.tus_sides import tus_destination

CONTENT = os.urandom(200_000)

Fault = tuple[str, str, int]
FAULTS = st.one_of(
    st.tuples(st.just("PATCH"), st.just("keep"), st.integers(0, len(CONTENT))),
    st.tuples(st.just("PATCH"), st.just("say"), st.sampled_from([204, 404, 409, 410, 423, 503])),
    st.tuples(st.just("HEAD"), st.just("say"), st.sampled_from([200, 403, 404, 410, 423, 503])),
    st.tuples(st.just("POST"), st.just("say"), st.sampled_from([200, 429, 500, 507])),
    st.tuples(st.just("OPTIONS"), st.just("say"), st.sampled_from([404, 502])),
    st.tuples(st.just("PATCH"), st.just("lose"), st.integers(0, len(CONTENT))),
)


def let_happen(receiver: TusReceiver, fault: Fault) -> None:
    """Have the server meet the next request of a method in a way of its own."""
    method, what, number = fault
    if what == "say":
        receiver.instead(method, number)
        return

    def keep_and_hang_up(handler: Handler) -> None:
        """Keep the beginning of what is sent (`keep`), or of all that is there (`lose`)."""
        held = handler.site.uploads.get(handler.path.rpartition("/")[2])
        if held is None:
            handler.answer(404, {})
            return
        body = bytearray()
        handler.read_body(body.extend)
        if what == "keep":
            offset = int(handler.headers["Upload-Offset"])
            held.content += body[:number] if offset == len(held.content) else b""
        else:
            del held.content[number:]
        raise ConnectionResetError

    receiver.do_instead(method, keep_and_hang_up)


def arrives(receiver: TusReceiver, parcel: Parcel) -> bool:
    """Whether an attempt succeeds; one that does not must fail in a way that another can mend."""
    destination = tus_destination(receiver.url)
    try:
        destination.deliver(parcel, lambda _: None, never())
    except DeliveryError as error:
        if error.kind is not Kind.TRANSIENT:
            raise
        return False
    finally:
        destination.close()
    return True


@settings(max_examples=60)
@given(st.lists(FAULTS, max_size=8))
def test_whatever_happens(faults: list[Fault]) -> None:
    """Attempts fail in ways that another can mend, and end with the one whole file."""
    with tempfile.TemporaryDirectory() as folder, TusReceiver() as receiver:
        parcel = parcel_of(write(Path(folder), CONTENT))
        for fault in faults:
            let_happen(receiver, fault)
        assert any(arrives(receiver, parcel) for _ in range(len(faults) + 1))
        assert set(receiver.contents) == {CONTENT}
