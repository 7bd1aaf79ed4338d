"""What a sidecar holds, byte for byte."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.errors import Fault, Kind
from daemon.files import Identity
from daemon.jobs.model import (
    Delivery,
    DeliveryState,
    Ending,
    Job,
    Preparation,
    ReadingState,
    State,
)
from daemon.sidecar.model import Sidecar
from daemon.sidecar.write import describe, render

OCR = {
    "engine": "rapid",
    "version": "3.10.0",
    "seconds": 0.81,
    "text": "TOTAL",
    "pages": [
        {
            "number": 1,
            "width": 1080,
            "height": 1920,
            "rotation": 0,
            "lines": [
                {"text": "TOTAL", "confidence": 0.99, "box": [0.0, 1, 2, 3, 4, 5, 6, 7]},
            ],
        }
    ],
}
JOB = Job(
    id="0190f0aa-1111-7222-8333-4444aabbccdd",
    inbox="receipts",
    path=b"sub/r.jpg",
    name="r.jpg",
    state=State.RUNNING,
    identity=Identity(1, 2, 412345, 1_763_625_600_000_000_000),
    received=1_763_625_601.4,
    preparation=Preparation("ab" * 32, "image/jpeg", 412345, (("type", True, "image/jpeg"),), None),
    deliveries=(
        Delivery(
            "archive",
            DeliveryState.DELIVERED,
            attempts=1,
            bytes=412345,
            http_status=201,
            location="https://example.com/1",
            delivered_at=1_763_625_602.0,
            response={"url": "https://example.com/1"},
        ),
    ),
    reading=ReadingState.DONE,
    timings={"settle": 0.01, "total": 1.23456},
)
DONE = Ending(State.DONE, folder="done", name=b"r.jpg")
PLAIN = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(st.characters(exclude_categories=()), max_size=10),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(st.characters(exclude_categories=()), max_size=5), inner),
    ),
    max_leaves=20,
)


def test_a_finished_job_reads_as_the_contract_says() -> None:
    """Every key of the contract, none besides."""
    facts = json.loads(render(describe(JOB, DONE, ocr=OCR)))
    Sidecar.model_validate(facts)
    assert facts["file"] == {
        "name": "r.jpg",
        "path": "sub/r.jpg",
        "size": 412345,
        "sha256": "ab" * 32,
        "media_type": "image/jpeg",
        "received": "2025-11-20T08:00:01Z",
        "modified": "2025-11-20T08:00:00Z",
    }
    assert facts["deliveries"] == [
        {
            "destination": "archive",
            "state": "delivered",
            "location": "https://example.com/1",
            "bytes": 412345,
            "attempts": 1,
            "http_status": 201,
            "delivered": "2025-11-20T08:00:02Z",
            "response": {"url": "https://example.com/1"},
        }
    ]
    assert facts["timings"] == {
        "settle": 0.01,
        "validate": 0.0,
        "deliver": 0.0,
        "read": 0.0,
        "total": 1.235,
    }
    assert (facts["status"], facts["error"], facts["receipt"]) == ("done", None, None)


def test_a_rejected_file_says_why_and_what_was_known() -> None:
    """Even where the file was never hashed."""
    fault = Fault("type_not_accepted", "a program is no receipt", Kind.PERMANENT)
    job = replace(JOB, preparation=None, deliveries=(), reading=ReadingState.NONE)
    facts = json.loads(render(describe(job, Ending(State.REJECTED, fault))))
    Sidecar.model_validate(facts)
    assert facts["error"] == {
        "code": "type_not_accepted",
        "message": "a program is no receipt",
        "kind": "permanent",
    }
    assert facts["file"]["size"] == 412345
    assert facts["file"]["sha256"] is None


def test_a_failed_reading_leaves_its_fault_in_place_of_the_text() -> None:
    """The file is done all the same."""
    fault = Fault("ocr_timeout", "took longer than 60 s", Kind.PERMANENT)
    job = replace(JOB, reading=ReadingState.FAILED, reading_fault=fault)
    facts = json.loads(render(describe(job, DONE, ocr=OCR, receipt={"x": 1})))
    Sidecar.model_validate(facts)
    assert facts["ocr"] == {"error": {"code": "ocr_timeout", "message": "took longer than 60 s"}}
    assert facts["receipt"] is None


def test_a_failed_delivery_carries_its_own_fault() -> None:
    """Of several destinations one sees which one refused."""
    fault = Fault("http_403", "forbidden", Kind.PERMANENT)
    delivery = Delivery("archive", DeliveryState.FAILED, attempts=3, http_status=403, fault=fault)
    facts = json.loads(render(describe(replace(JOB, deliveries=(delivery,)), DONE)))
    Sidecar.model_validate(facts)
    assert facts["deliveries"][0]["error"]["code"] == "http_403"


def test_the_bytes_are_sorted_indented_and_end_in_a_newline() -> None:
    """A person can read it and a tool can compare it."""
    assert render({"b": "é", "a": {"d": 1, "c": []}}) == (
        '{\n  "a": {\n    "c": [],\n    "d": 1\n  },\n  "b": "é"\n}\n'.encode()
    )


@given(PLAIN, st.randoms(use_true_random=False))
def test_the_same_facts_give_the_same_bytes(value: Any, chance: random.Random) -> None:
    """In whatever order they were gathered; always UTF-8, always JSON."""

    def shuffled(part: Any) -> Any:
        if isinstance(part, dict):
            keys = list(part)
            chance.shuffle(keys)
            return {key: shuffled(part[key]) for key in keys}
        return [shuffled(item) for item in part] if isinstance(part, list) else part

    data = render({"x": value})
    assert data == render({"x": shuffled(value)})
    json.loads(data.decode(), parse_constant=pytest.fail)


def test_an_answer_nested_without_end_does_not_stop_a_job() -> None:
    """What a server says can never keep a file from its end."""
    deep: Any = "x"
    for _ in range(900):
        deep = {"a": [deep]}
    assert json.loads(render({"response": deep}))


@given(st.binary(min_size=1, max_size=40).filter(lambda name: b"/" not in name))
def test_every_name_can_be_written(name: bytes) -> None:
    """Text as it is, what is not text escaped."""
    facts = json.loads(render(describe(replace(JOB, path=name), DONE)))
    told = facts["file"]["name"]
    assert told.encode() == name or (told.isprintable() and not is_text(name))


def is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
