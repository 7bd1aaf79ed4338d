"""`inboxd verify`: whether ledger, folders and sidecars tell the same story."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.ledger import opened
from daemon.cli.output import Exit, complain, say, show_json
from daemon.cli.program import DEFAULT_CONFIG, AsJson, ConfigFile

if TYPE_CHECKING:
    from daemon.jobs.store import JobStore
    from daemon.pipeline.repairing import Mended

_KEPT = "replaced"

Repair = Annotated[
    bool,
    typer.Option("--repair", help="Mend what can be mended safely; the daemon must not run."),
]


def verify(
    config_file: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False, repair: Repair = False
) -> int:
    """Compare the ledger with the folders and the sidecars; exit 0 when they agree.

    While the daemon runs, a file that is just being filed may be told; ask again then. With
    --repair what can be mended without a loss is mended, and what is left is told. A damaged
    ledger is made anew; one of a newer version is left alone.

    \b
    Example:
      inboxd verify -c inboxd.yaml
      inboxd verify -c inboxd.yaml --repair
    """
    from daemon.pipeline.pipeline import routes_of  # noqa: PLC0415  # slow to import
    from daemon.pipeline.repairing import Mended  # noqa: PLC0415
    from daemon.pipeline.verifying import verify as disagreements  # noqa: PLC0415

    if repair:
        found, jobs = _repaired(config_file)
    else:
        with opened(config_file) as ledger:
            routes = routes_of(ledger.config)
            found = [Mended(one, None) for one in disagreements(ledger.store, routes)]
            jobs = _number(ledger.store)
    left = [one for one in found if one.done is None]
    if as_json:
        show_json([_facts(one, repair=repair) for one in found])
    for one in found if not as_json else ():
        (complain if one.done is None else say)(_line(one))
    if not left:
        say(f"Ledger, folders and sidecars agree about {jobs} files.")
    return Exit.NOT_ALL_DONE if left else Exit.WELL


def _repaired(config_file: str) -> tuple[list[Mended], int]:
    """What was mended and what is left, with nobody else at work; and how many jobs there are."""
    from daemon.clock import SystemClock  # noqa: PLC0415  # slow to import
    from daemon.config.load import load  # noqa: PLC0415
    from daemon.jobs.state_folder import StateFolder  # noqa: PLC0415
    from daemon.pipeline.pipeline import routes_of  # noqa: PLC0415
    from daemon.pipeline.rebuilding import open_ledger  # noqa: PLC0415
    from daemon.pipeline.repairing import repair  # noqa: PLC0415
    from daemon.signals import NUDGE, Signals  # noqa: PLC0415

    config = load(config_file)
    state = StateFolder(config.state)
    routes = routes_of(config)
    # A command that changes the ledger takes us for the daemon.
    with Signals(lambda _: None, [NUDGE]), state.lock() as crashed:
        store, rebuilt = open_ledger(state, routes, SystemClock(), crashed=crashed)
        try:
            if rebuilt is not None:
                say(f"{rebuilt.sentence}.")
            found = list(repair(store, routes, os.fsencode(state.path / _KEPT)))
            return found, _number(store)
        finally:
            store.close()


def _number(store: JobStore) -> int:
    return sum(number for by in store.counts().values() for number in by.values())


def _line(one: Mended) -> str:
    found = one.found
    end = found.mend if one.done is None else one.done
    return f"{found.where}: {found.code}: {found.message}; {end}"


def _facts(one: Mended, *, repair: bool) -> dict[str, Any]:
    found = one.found
    facts: dict[str, Any] = {
        "code": found.code,
        "where": found.where,
        "message": found.message,
        "mend": found.mend,
    }
    return {**facts, "mended": one.done} if repair else facts
