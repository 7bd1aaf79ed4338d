"""`inboxd status`: how much waits, what is under way, and whether the daemon is well."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.ledger import Ledger, opened
from daemon.cli.output import Exit, printable, show, show_json, show_table, write_bytes
from daemon.cli.program import DEFAULT_CONFIG, AsJson, ConfigFile
from daemon.cli.transfers import line
from daemon.clock import iso
from daemon.jobs.model import State

if TYPE_CHECKING:
    from daemon.jobs.state_folder import StateFolder

JSON = Any
_EVERY = 1.0
_STALE = 60.0
"""Seconds after which what a running daemon left is no proof of life any more."""
_MOST_UNREADY = 5
"""Files of one inbox that are told although they are not taken in yet."""
_STATES = tuple(state.value for state in State)


def status(
    config_file: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Again every second, until Ctrl-C.")
    ] = False,
) -> int:
    """Show the number of files in each state, what is under way, what waits longest, and health.

    An upload is shown with percent, rate and time left, or with how long it has been stalled.

    \b
    Examples:
      inboxd status -c inboxd.yaml
      inboxd status -c inboxd.yaml --watch
      inboxd status -c inboxd.yaml --json | jq .totals
    """
    with opened(config_file) as ledger:
        while True:
            facts = _facts(ledger)
            if as_json and watch:
                write_bytes(json.dumps(facts, ensure_ascii=False).encode() + b"\n")
            elif as_json:
                show_json(facts)
            else:
                _print(facts, fresh=watch and sys.stdout.isatty())
            if not watch:
                return Exit.WELL
            time.sleep(_EVERY)


def _facts(ledger: Ledger) -> JSON:
    counts = ledger.store.counts()
    totals = {state: sum(by.get(state, 0) for by in counts.values()) for state in _STATES}
    waiting = ledger.store.oldest_waiting()
    oldest = None
    if waiting is not None:
        oldest = {
            "job": waiting.job,
            "inbox": waiting.inbox,
            "file": waiting.name,
            "received": iso(waiting.received),
            "seconds": round(max(0.0, time.time() - waiting.received), 1),
        }
    return {
        **_health(ledger.state),
        "counts": {name: counts.get(name, {}) for name in {**ledger.config.inboxes, **counts}},
        "totals": totals,
        "oldest_waiting": oldest,
    }


def _health(state: StateFolder) -> JSON:
    """What the running daemon last said of itself; without one nothing is healthy."""
    pid = state.holder()
    said = state.read_runtime() or {}
    reasons = list(said.get("reasons", ()))
    if pid is None:
        reasons = ["no daemon runs on this state folder"]
    elif _age(said.get("updated")) > _STALE:
        reasons.append(f"the daemon has said nothing for more than {_STALE:.0f} s")
    live = pid is not None
    fresh = live and _age(said.get("updated")) <= _STALE
    return {
        "running": live,
        "pid": pid,
        "healthy": fresh and bool(said.get("healthy")),
        "ready": fresh and bool(said.get("ready")),
        "reasons": reasons,
        "paused": said.get("paused") if live else None,
        "updated": said.get("updated"),
        "in_flight": said.get("in_flight", []) if live else [],
        "destinations": said.get("destinations", {}) if live else {},
        "inboxes": said.get("inboxes", {}) if live else {},
    }


def _age(updated: object) -> float:
    """Seconds since a time in ISO 8601; endless where it is none."""
    try:
        return time.time() - datetime.fromisoformat(str(updated)).astimezone(UTC).timestamp()
    except ValueError:
        return float("inf")


def _print(facts: JSON, *, fresh: bool) -> None:
    if fresh:
        sys.stdout.write("\x1b[H\x1b[2J")  # ECMA-48: cursor home, erase the screen
    if facts["healthy"]:
        show(f"healthy{'' if facts['ready'] else ', not ready'} (process {facts['pid']})")
    else:
        show("not healthy" if facts["running"] else "not running")
    paused = [f"paused: {facts['paused']['message']}"] if facts["paused"] else []
    for reason in dict.fromkeys([*facts["reasons"], *paused]):
        show(f"  {reason}")
    rows = [
        [name, *(str(by.get(state, 0)) for state in _STATES)]
        for name, by in facts["counts"].items()
    ]
    show("")
    show_table(("inbox", *_STATES), rows)
    show("")
    if facts["destinations"]:
        lanes = [[name, *_lane(lane)] for name, lane in facts["destinations"].items()]
        show_table(("destination", "under way", "limit", "waiting", "state"), lanes)
        show("")
    for name, inbox in facts["inboxes"].items():
        for waiting in inbox["settling"][:_MOST_UNREADY]:
            show(printable(f"not ready: {waiting['file']} in {name}, {_why_unready(waiting)}"))
    for transfer in facts["in_flight"]:
        show(printable(line(transfer)))
    oldest = facts["oldest_waiting"]
    if oldest:
        show(f"waits longest: {oldest['file']} in {oldest['inbox']}, {oldest['seconds']:.0f} s")
    sys.stdout.flush()


def _lane(lane: JSON) -> list[str]:
    """One destination: how many are under way, may be, and wait; and whether it takes files."""
    error = lane["error"]
    state = "rests" if lane["paused_for"] else "takes files"
    if lane["down"]:
        state = "down" if error is None else f"down: {error['message']}"
    if lane["paused_for"]:
        state += f", tried again in {lane['paused_for']:.0f} s"
    limit = f"{lane['limit']} of {lane['max']}"
    if lane["interval"]:
        limit += f", one every {lane['interval']:g} s"
    return [str(lane["in_flight"]), limit, str(lane["waiting"]), state]


def _why_unready(waiting: JSON) -> str:
    return f"{waiting['reason']}, {waiting['seconds']:.0f} s"
