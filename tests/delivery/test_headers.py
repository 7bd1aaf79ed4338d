"""Our headers behave as those of requests do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from daemon.delivery.transport.headers import Headers

NAMES = st.sampled_from(["Accept", "accept", "ACCEPT", "X-Mine", "x-mine", "Host"])
STEPS = st.lists(st.tuples(st.sampled_from(["set", "delete", "copy"]), NAMES, st.text(max_size=3)))


@given(st.dictionaries(st.sampled_from(["Accept", "X-Mine"]), st.text(max_size=3)), STEPS)
def test_like_those_of_requests(first: dict[str, str], steps: list[tuple[str, str, str]]) -> None:
    """Whatever is done to both, they hold the same; a copy is on its own."""
    ours, theirs = Headers(first), CaseInsensitiveDict(first)
    for step, name, text in steps:
        if step == "set":
            ours[name] = theirs[name] = text
        elif step == "delete":
            assert ours.pop(name, None) == theirs.pop(name, None)
        else:
            before = ours
            ours, theirs = ours.copy(), theirs.copy()
            before["Accept"] = "only in the one that was copied"
        assert ours == theirs
        assert list(ours.items()) == list(theirs.items()) == ours.pairs()
        assert list(ours.lower_items()) == list(theirs.lower_items())
        assert len(ours) == len(theirs)
        assert (name in ours, ours.get(name)) == (name in theirs, theirs.get(name))
    assert repr(ours) == repr(theirs)
