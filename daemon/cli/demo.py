"""`inboxd demo`: the real daemon on sample receipts, with nothing configured."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daemon.cli.output import Exit, complain, progress_bar, say, show, show_table

if TYPE_CHECKING:
    from daemon.demo.samples import Sample
    from daemon.service import Service

JSON = Any
_LONGEST = 120.0
_LOOK = 0.1
_CONFIG = """\
# Written by `inboxd demo`. The receiver ran only as long as the demonstration.
state: state
inboxes:
  receipts:
    path: inbox
    deliver: [receiver]
destinations:
  receiver:
    type: http
    url: {url}/upload
    data: {{source: "{{inbox}}", sha256: "{{sha256}}"}}
    location: $.url
log: {{level: info}}
"""


def demo() -> int:
    """Show it at work: sample receipts go through the real daemon, to a receiver on loopback.

    Needs no configuration, no account and no network. The samples are drawn on the spot, in several
    languages and formats, one of them broken. At the end a table tells what was read, and where the
    originals lie with their JSON.

    \b
    Example:
      inboxd demo
    """
    from daemon.demo.samples import draw_samples  # noqa: PLC0415  # slow to import

    say("Drawing sample receipts ...")
    return show_at_work(draw_samples(), Path(tempfile.mkdtemp(prefix="inboxd-demo-")))


def show_at_work(samples: list[Sample], folder: Path) -> int:
    """Send samples through a daemon in a folder and print what became of them.

    The exit code tells whether each came to its end with what stands on it, or a signal was first.
    """
    from daemon.demo.receiver import Receiver  # noqa: PLC0415  # slow to import

    with Receiver(folder / "received") as receiver:
        _prepare(folder, receiver.url)
        visitor = _run(folder, samples)
    received = len(list(receiver.files.iterdir()))
    return _report(folder, samples, visitor.found(), received=received, ended=visitor.sent_away)


def _prepare(folder: Path, url: str) -> None:
    (folder / "inbox").mkdir()
    path = folder / "inboxd.yaml"
    path.write_text(_CONFIG.format(url=url), "utf-8")
    path.chmod(0o600)  # whatever the umask: one that others may write is refused


def _run(folder: Path, samples: list[Sample]) -> _Visitor:
    """Who watched the daemon, once it has brought all samples to their end or a signal ended it."""
    from daemon.config.load import load  # noqa: PLC0415  # slow to import
    from daemon.observing.log import StructuredLog  # noqa: PLC0415
    from daemon.service import Service  # noqa: PLC0415

    path = folder / "inboxd.yaml"
    with (folder / "events.jsonl").open("w", encoding="utf-8") as events, progress_bar() as bar:
        task = bar.add_task("through the daemon", total=len(samples))
        service = Service(load(path), StructuredLog(stream=events), path=path)
        visitor = _Visitor(folder, samples, lambda done: bar.update(task, completed=done))
        with visitor.dropping(service) as start:
            service.run(ready=start)
    return visitor


class _Visitor:
    """Drops the samples once the daemon is up, and stops it when all have come to their end.

    `sent_away` is whether the daemon ended before that.
    """

    def __init__(self, folder: Path, samples: list[Sample], tick: Callable[[int], None]) -> None:
        self._folder = folder
        self._samples = samples
        self._tick = tick
        self._over = threading.Event()
        self.sent_away = False

    @contextlib.contextmanager
    def dropping(self, service: Service) -> Iterator[Callable[[], None]]:
        """What is to be called when the daemon is up; ends with the context."""
        thread = threading.Thread(target=self._visit, args=(service,), name="demo")
        try:
            yield thread.start
        finally:
            self._over.set()
            if thread.ident is not None:
                thread.join()

    def found(self) -> dict[str, JSON]:
        """The sidecars that are there, by the name of the sample."""
        found = {}
        for sidecar in self._sidecars():
            facts = json.loads(sidecar.read_text("utf-8"))
            found[facts["file"]["name"]] = {**facts, "sidecar": str(sidecar)}
        return found

    def _sidecars(self) -> list[Path]:
        ends = (self._folder / "done", self._folder / "rejected")
        return [path for end in ends for path in end.glob("*.json")]

    def _visit(self, service: Service) -> None:
        for sample in self._samples:
            (self._folder / "inbox" / sample.name).write_bytes(sample.data)
        until = time.monotonic() + _LONGEST
        while time.monotonic() < until:
            if self._over.wait(_LOOK):
                self.sent_away = True
                break
            if any(reason.startswith("paused") for reason in service.health().reasons):
                break  # a demonstration does not wait for a person to mend the machine
            ended = len(self._sidecars())
            self._tick(ended)
            # The original follows its sidecar; once work/ is empty, all are in their place.
            if ended == len(self._samples) and not os.listdir(self._folder / "work"):
                break
        service.stop()


def _report(
    folder: Path, samples: list[Sample], found: dict[str, JSON], *, received: int, ended: bool
) -> int:
    rows, faults = [], []
    for sample in samples:
        facts = found.get(sample.name)
        rows.append(_row(sample, facts))
        if not (ended and facts is None) and (fault := _fault(sample, facts)):
            faults.append(f"{sample.name}: {fault}")
    show_table(("file", "state", "merchant", "date", "total", "seconds"), rows)
    show(f"{received} files arrived at the receiver: {folder / 'received' / 'files'}")
    show(f"The originals and their JSON:          {folder / 'done'}")
    show(f"What was not acceptable, and why:      {folder / 'rejected'}")
    show(f"The configuration and the log:         {folder}")
    for fault in faults:
        complain(fault)
    if ended:
        complain("ended before all were through")
        return Exit.INTERRUPTED
    return Exit.NOT_ALL_DONE if faults else Exit.WELL


def _row(sample: Sample, facts: JSON) -> list[str]:
    if facts is None:
        return [sample.name, "not through", "", "", "", ""]
    seconds = f"{facts['timings']['total']:.1f}"
    if facts["status"] != "done":
        return [sample.name, facts["status"], facts["error"]["message"], "", "", seconds]
    total = f"{_value(facts, 'total')} {_value(facts, 'currency')}"
    merchant, day = _value(facts, "merchant"), _value(facts, "date")
    return [sample.name, facts["status"], merchant, day, total, seconds]


def _fault(sample: Sample, facts: JSON) -> str | None:
    """What should have become of a sample and did not."""
    if facts is None:
        return "did not come through in time"
    if facts["status"] != sample.expected:
        return f"should be {sample.expected} and is {facts['status']}"
    if sample.facts is None:
        return None
    if facts["receipt"] is None:
        return f"was not read: {(facts['ocr'] or {}).get('error', {}).get('message', 'no text')}"
    wanted = {
        "merchant": sample.facts.merchant,
        "date": sample.facts.date.isoformat(),
        "total": str(sample.facts.total),
        "currency": sample.facts.currency,
    }
    for name, value in wanted.items():
        if _plain(_value(facts, name)) != _plain(value):
            return f"the {name} should be {value}, read was {_value(facts, name) or 'nothing'}"
    return None


def _value(facts: JSON, name: str) -> str:
    return ((facts["receipt"] or {}).get(name) or {}).get("value") or ""


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
