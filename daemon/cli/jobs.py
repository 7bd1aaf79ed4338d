"""`inboxd jobs`, `show`, `retry`, `cancel`: what became of each file, and what to do about it."""

from __future__ import annotations

from typing import Annotated

import typer

from daemon.cli.ledger import JSON, Ledger, opened
from daemon.cli.output import Exit, say, show_json, show_table
from daemon.cli.output import show as show_line
from daemon.cli.program import DEFAULT_CONFIG, AsJson, ConfigFile
from daemon.clock import iso
from daemon.crashpoints import crashpoint
from daemon.errors import UsageError
from daemon.jobs.model import ENDS, RETRYABLE, Job, State

_EVERY = 2**62
_JobName = Annotated[str, typer.Argument(metavar="JOB-OR-PATH", help="An id, a name or a path.")]


def jobs(
    config_file: ConfigFile = DEFAULT_CONFIG,
    state: Annotated[
        State | None, typer.Option("--state", metavar="STATE", help="Only jobs of this state.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, help="So many at most. Default: 50, or all with --json."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """List files and where they stand, newest first.

    States: queued, running, parked (waits for its next attempt), and the ends done, rejected,
    failed, duplicate, cancelled.

    \b
    Examples:
      inboxd jobs -c inboxd.yaml --state failed
      inboxd jobs -c inboxd.yaml --json | jq length
    """
    most = limit or (_EVERY if as_json else 50)
    with opened(config_file) as ledger:
        found = ledger.store.jobs(state, most)
        if as_json:
            show_json([ledger.tell(job) for job in found])
            return Exit.WELL
        rows = [_row(job) for job in found]
    headings = ("job", "received", "inbox", "file", "state", "why")
    show_table(headings, rows, whole=("job", "state"))
    if len(found) == most:
        say(f"These are the newest {most}; --limit shows more.")
    return Exit.WELL


def show(job: _JobName, config_file: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> int:
    """Tell the whole history of one file: where it is and why.

    The file is named by its job's id, the first digits of it, its name, or the path of the file or
    of its JSON. Of several files of one name the newest is told.

    \b
    Examples:
      inboxd show -c inboxd.yaml scan-17.pdf
      inboxd show -c inboxd.yaml /srv/inboxd/rejected/scan-17.pdf --json
    """
    with opened(config_file) as ledger:
        found, *others = ledger.named(job)
        facts = ledger.tell(found)
        history = ledger.store.history(found.id)
    facts["history"] = [
        {"at": iso(entry.at), "event": entry.event, "detail": entry.detail} for entry in history
    ]
    facts["others"] = [other.id for other in others]
    if as_json:
        show_json(facts)
    else:
        _print_history(facts)
    return Exit.WELL


def retry(
    config_file: ConfigFile = DEFAULT_CONFIG,
    jobs: Annotated[
        list[str] | None,
        typer.Argument(metavar="JOB", help="Ids, names or paths.", show_default=False),
    ] = None,
    all_failed: Annotated[
        bool, typer.Option("--all-failed", help="Every job that ended failed.")
    ] = False,
) -> int:
    """Take files up again that failed, were rejected or cancelled, or wait for their next attempt.

    The file is judged anew; where it was delivered before, it is not delivered again.

    \b
    Examples:
      inboxd retry -c inboxd.yaml 0190f3c2 scan-17.pdf
      inboxd retry -c inboxd.yaml --all-failed
    """
    from daemon.jobs.changes import TakenUp  # noqa: PLC0415  # slow to import

    if bool(jobs) == all_failed:
        raise UsageError("usage", "name jobs, or give --all-failed; see inboxd retry --help")
    with opened(config_file) as ledger:
        chosen = (
            ledger.store.jobs(State.FAILED, _EVERY)
            if all_failed
            else [ledger.named(name)[0] for name in jobs or ()]
        )
        chosen = list({job.id: job for job in chosen}.values())
        for job in chosen:
            _allow(job, job.state in RETRYABLE, "be tried again")
        for job in chosen:
            ledger.store.write([TakenUp(job.id)])
            crashpoint("retry.requested")
            show_line(f"{job.id} {job.name} is taken up again")
        _tell_daemon(ledger, bool(chosen))
    return Exit.WELL


def cancel(job: _JobName, config_file: ConfigFile = DEFAULT_CONFIG) -> int:
    """Give a file up: it ends in `rejected`, with its JSON, and is not delivered any more.

    \b
    Example:
      inboxd cancel -c inboxd.yaml 0190f3c2
    """
    from daemon.jobs.changes import CancelRequested  # noqa: PLC0415  # slow to import

    with opened(config_file) as ledger:
        found = ledger.named(job)[0]
        _allow(found, found.state not in ENDS, "be given up")
        if found.inbox not in ledger.config.inboxes:
            raise UsageError(
                "unknown_inbox",
                f"{found.id} {found.name} lies in inbox {found.inbox} or its work folder, and the "
                "configuration no longer has that inbox; add it again first",
            )
        ledger.store.write([CancelRequested(found.id)])
        crashpoint("cancel.requested")
        show_line(f"{found.id} {found.name} is given up")
        _tell_daemon(ledger, True)
    return Exit.WELL


def _allow(job: Job, allowed: bool, what: str) -> None:
    """Raise UsageError where a job's state does not allow what is asked."""
    if not allowed:
        raise UsageError(
            "wrong_state", f"{job.id} {job.name} is {job.state.value} and cannot {what}"
        )


def _tell_daemon(ledger: Ledger, changed: bool) -> None:
    if not changed:
        say("There is nothing to do.")
    elif not ledger.state.nudge():
        say("No daemon runs on this state folder; it happens when one does.")


def _row(job: Job) -> list[str]:
    return [job.id, iso(job.received), job.inbox, job.name, job.state.value, _why(job)]


def _why(job: Job) -> str:
    """The fault that explains a state, if there is one."""
    if job.ending is not None:
        return job.ending.fault.message if job.ending.fault else ""
    faults = (delivery.fault for delivery in job.deliveries)
    return next((fault.message for fault in faults if fault), "")


def _print_history(facts: JSON) -> None:
    for name in ("job", "inbox", "file", "state", "place", "size", "media_type", "sha256"):
        show_line(f"{name:<11} {'-' if facts[name] is None else facts[name]}")
    if facts["error"]:
        show_line(f"{'error':<11} {facts['error']['code']}: {facts['error']['message']}")
    for delivery in facts["deliveries"]:
        line = f"{delivery['destination']}: {delivery['state']}, attempts {delivery['attempts']}"
        if delivery["error"]:
            line += f", {delivery['error']['code']}: {delivery['error']['message']}"
        if delivery["next_attempt"]:
            line += f", next {delivery['next_attempt']}"
        show_line(f"{'delivery':<11} {line}")
    for entry in facts["history"]:
        show_line(f"{entry['at']}  {entry['event']} {entry['detail']}".rstrip())
    if facts["others"]:
        show_line(f"{'also':<11} {', '.join(facts['others'])}")
