"""Reading beside delivery, in real children."""

from __future__ import annotations

import os
from pathlib import Path

from daemon.demo.samples import draw_samples
from daemon.jobs.model import ReadingState, State
from tests.receiver import Receiver
from tests.running import Daemon, http
from tests.waiting import wait_until

READ = 'accept: ["image/*", "application/pdf", "text/plain"]'


def test_a_receipt_is_read_while_it_is_delivered(tmp_path: Path) -> None:
    """The sidecar has the text and the fields; the text is in no ledger and no log."""
    sample = next(s for s in draw_samples() if s.name.endswith(".png"))
    assert sample.facts is not None
    with Receiver() as receiver:
        inbox = f"deliver: [server]\n{READ}\nread: receipt"
        with Daemon(tmp_path, inbox=inbox, rest=http(receiver.url)) as daemon:
            daemon.drop(sample.name, sample.data)
            (job,) = daemon.wait_for(State.DONE)
        facts = daemon.sidecar("done", sample.name)
    assert job.reading is ReadingState.DONE
    assert facts["receipt"]["total"]["value"] == str(sample.facts.total)
    assert facts["receipt"]["date"]["value"] == sample.facts.date.isoformat()
    assert facts["receipt"]["currency"]["value"] == sample.facts.currency
    assert sample.facts.merchant.split()[0].lower() in facts["ocr"]["text"].lower()
    assert facts["ocr"]["pages"][0]["lines"][0]["box"]
    assert os.listdir(daemon.work) == []
    ledger = b"".join(p.read_bytes() for p in (tmp_path / "state").iterdir())
    assert sample.facts.merchant.encode() not in ledger
    logged = repr(daemon.log.entries)
    assert sample.name in logged
    for line in facts["ocr"]["text"].splitlines():
        assert len(line) < 8 or line not in logged


def test_reading_that_takes_too_long_leaves_the_job_done_without_text(tmp_path: Path) -> None:
    """What was validated and delivered is done; the sidecar says what reading met."""
    sample = next(s for s in draw_samples() if s.name.endswith(".png"))
    rest = "ocr: {processes: 1, timeout: 1ms}\n"
    with Daemon(tmp_path, inbox=f"{READ}\nread: receipt", rest=rest) as daemon:
        daemon.drop(sample.name, sample.data)
        daemon.wait_for(State.DONE)
        facts = daemon.sidecar("done", sample.name)
    assert facts["ocr"]["error"]["code"] == "reading_timeout"
    assert facts["receipt"] is None


def test_what_no_reader_takes_is_done_all_the_same(tmp_path: Path) -> None:
    """A text file in an inbox of receipts was accepted, so it is delivered."""
    with Daemon(tmp_path, inbox=f"{READ}\nread: text") as daemon:
        daemon.drop("note.txt", b"only words\n" * 20)
        daemon.wait_for(State.DONE)
        wait_until((daemon.done / "note.txt.json").exists, "the sidecar")
        facts = daemon.sidecar("done", "note.txt")
    assert facts["ocr"]["error"]["code"] == "no_reader_for_type"
