"""The `inboxd` command: every subcommand, and nothing else."""

from __future__ import annotations

import gc
from typing import Annotated

import typer

from daemon import __version__
from daemon.cli.bench import bench
from daemon.cli.check import check
from daemon.cli.demo import demo
from daemon.cli.jobs import cancel, jobs, retry, show
from daemon.cli.output import show as show_line
from daemon.cli.output import stand_in_for_closed_streams
from daemon.cli.program import new_app
from daemon.cli.read import read
from daemon.cli.run import once, run
from daemon.cli.schema import schema
from daemon.cli.status import status
from daemon.cli.verify import verify

_HELP = """Drop files into a folder; inboxd delivers them, reads them, and puts JSON beside them.

    \b
    To see it work, with nothing configured:   inboxd demo
    To begin:   copy config.example.yaml, then   inboxd check -c FILE   and   inboxd run -c FILE

    Exit codes: 0 all well; 1 some files did not end done; 2 usage or configuration; 3 another
    instance holds the state folder; 4 the environment (disk, permissions, limits).
"""

app = new_app(_HELP)


def _version(wanted: bool) -> None:
    if wanted:
        show_line(f"inboxd {__version__}")
        raise typer.Exit


@app.callback()
def _before_all(
    version: Annotated[  # its callback has done the work
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


for _command, _summary in (
    (demo, "Show it at work, with nothing configured."),
    (run, "Run the daemon in the foreground."),
    (once, "Drain the inboxes and exit."),
    (check, "Validate a configuration and try what it names."),
    (status, "Show what waits, what is under way, and health."),
    (jobs, "List files and where they stand."),
    (show, "Tell the whole history of one file."),
    (retry, "Take files up again."),
    (cancel, "Give a file up."),
    (read, "Read files by OCR, without a configuration."),
    (verify, "Compare ledger, folders and sidecars."),
    (schema, "Print the JSON Schema of the sidecar or of the configuration."),
):
    app.command(short_help=_summary)(_command)


app.add_typer(bench, name="bench")


def main() -> None:
    """Run the command that the arguments name and leave with its exit code."""
    stand_in_for_closed_streams()
    # Nearly all that is made here has no cycles; looking for some at every 700th object is waste.
    gc.set_threshold(50_000, 20, 50)
    app(prog_name="inboxd")
