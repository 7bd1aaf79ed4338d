"""`inboxd check`: everything that can be known before the first file comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.checking import Found, everything
from daemon.cli.output import Exit, complain, show, show_json
from daemon.cli.program import DEFAULT_CONFIG, AsJson, ConfigFile
from daemon.errors import ConfigError

if TYPE_CHECKING:
    from daemon.config.places import Document

JSON = Any
_MARKS = {"ok": "ok", "warning": "warn", "unknown": "?"}


def check(
    config_file: ConfigFile = DEFAULT_CONFIG,
    offline: Annotated[
        bool, typer.Option("--offline", help="Reach nothing outside this machine.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Validate a configuration and try what it names: folders, rights, disks, OCR, destinations.

    Nothing is delivered and nothing is changed. Every fault is printed with its place in the file
    and what to do about it. For a destination it tells apart the name (dns), the connection (tcp),
    the certificate (tls), the answer, who we are (auth), where files go (place), rights and room
    (quota); what shows with the first file only is marked with a question mark.

    Exits with 2 for mistakes in the file, with 4 for what is wrong outside of it.

    \b
    Examples:
      inboxd check -c inboxd.yaml
      inboxd check -c inboxd.yaml --offline   # no connection is made
      inboxd check -c inboxd.yaml --json | jq '.findings[] | select(.state == "fault")'
    """
    from daemon.config.load import load_with_places  # noqa: PLC0415  # slow to import

    try:
        config, document = load_with_places(config_file)
    except ConfigError as error:
        if as_json:
            show_json(_unloadable(config_file, error))
        raise
    found: list[Found] = []
    for one in everything(config, document, offline=offline):
        found.append(one)
        if not as_json:
            _print(one, document)
    faults = [one.fault for one in found if one.fault is not None]
    worst = min(faults, default=Exit.WELL)
    if as_json:
        show_json(
            {
                "config": document.file,
                "exit_code": int(worst),
                "findings": [_facts(one, document) for one in found],
            }
        )
    return worst


def _print(found: Found, document: Document) -> None:
    if found.fault is not None:
        complain(f"{document.where(found.key)}: {found.line}")
    else:
        show(f"{_MARKS[found.state]:5} {found.line}")


def _facts(found: Found, document: Document) -> JSON:
    return {
        "key": found.key,
        "where": document.where(found.key),
        "subject": found.subject,
        "state": found.state,
        "message": found.message,
    }


def _unloadable(config_file: str, error: ConfigError) -> JSON:
    """Why nothing could be looked at: the mistakes in the file."""
    findings = [
        {
            "key": None,
            "where": problem.where,
            "subject": None,
            "state": "fault",
            "message": problem.message,
        }
        for problem in error.problems
    ]
    return {"config": config_file, "exit_code": int(Exit.USAGE), "findings": findings}
