"""`inboxd verify`: whether ledger, folders and sidecars tell the same story."""

from __future__ import annotations

from daemon.cli.ledger import opened
from daemon.cli.output import Exit, complain, say, show_json
from daemon.cli.program import DEFAULT_CONFIG, AsJson, ConfigFile


def verify(config_file: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> int:
    """Compare the ledger with the folders and the sidecars; exit 0 when they agree.

    Nothing is changed. While the daemon runs, a file that is just being filed may be told; ask
    again then.

    \b
    Example:
      inboxd verify -c inboxd.yaml
    """
    from daemon.pipeline.pipeline import routes_of  # noqa: PLC0415  # slow to import
    from daemon.pipeline.verifying import verify as disagreements  # noqa: PLC0415

    with opened(config_file) as ledger:
        found = list(disagreements(ledger.store, routes_of(ledger.config)))
        jobs = sum(number for by in ledger.store.counts().values() for number in by.values())
    if as_json:
        show_json(
            [
                {"code": one.code, "where": one.where, "message": one.message, "mend": one.mend}
                for one in found
            ]
        )
    for one in found if not as_json else ():
        complain(f"{one.where}: {one.code}: {one.message}; {one.mend}")
    if not found:
        say(f"Ledger, folders and sidecars agree about {jobs} files.")
    return Exit.NOT_ALL_DONE if found else Exit.WELL
