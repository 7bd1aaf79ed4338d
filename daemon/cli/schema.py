"""`inboxd schema`: what the JSON and the configuration look like, for machines."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from daemon.cli.output import Exit, show_json


class Subject(StrEnum):
    """What there is a schema of."""

    SIDECAR = "sidecar"
    CONFIG = "config"


def schema(
    subject: Annotated[Subject, typer.Argument(metavar="sidecar|config", help="Of which.")],
) -> int:
    """Print the JSON Schema (2020-12) of the sidecar or of the configuration.

    \b
    Examples:
      inboxd schema sidecar > sidecar.schema.json
      inboxd schema config > inboxd.schema.json   # for the completion of an editor
    """
    if subject is Subject.SIDECAR:
        from daemon.sidecar.schema import schema as found  # noqa: PLC0415  # slow to import
    else:
        from daemon.config.schema import schema as found  # noqa: PLC0415
    show_json(found())
    return Exit.WELL
