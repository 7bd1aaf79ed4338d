"""`inboxd run` and `inboxd once`: the daemon itself."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.cli.output import upload_bars
from daemon.cli.program import DEFAULT_CONFIG, ConfigFile, placing_problems
from daemon.cli.transfers import Shown

if TYPE_CHECKING:
    from daemon.service import Service


def run(config_file: ConfigFile = DEFAULT_CONFIG) -> int:
    """Run the daemon in the foreground until SIGTERM or Ctrl-C; a second one stops it at once.

    Events go to stderr, as JSON unless the configuration says otherwise. SIGHUP makes it read the
    configuration again.

    \b
    Examples:
      inboxd run -c /etc/inboxd/inboxd.yaml
      INBOXD_CONFIG=inboxd.yaml inboxd run
    """
    with _placed(config_file) as service:
        return service.run()


def once(config_file: ConfigFile = DEFAULT_CONFIG) -> int:
    """Take in what is in the inboxes, bring it to its end, and exit; for cron and CI.

    On a terminal each upload has a bar with percent, rate and time left. Exits with 1 if a file was
    rejected or failed, or waits for a later attempt.

    \b
    Examples:
      inboxd once -c inboxd.yaml
      inboxd once -c inboxd.yaml 2>> once.log || inboxd jobs -c inboxd.yaml --state failed
    """
    # Made while the bars are shown, so that events appear above them.
    with upload_bars() as bar, _placed(config_file) as service:
        return service.once(Shown(bar))


@contextlib.contextmanager
def _placed(config_file: str) -> Iterator[Service]:
    """The service of a configuration; what it finds wrong with it is told with its place."""
    from daemon.config.load import load_with_places  # noqa: PLC0415  # slow to import
    from daemon.observing.log import StructuredLog, quiet_libraries  # noqa: PLC0415
    from daemon.service import Service  # noqa: PLC0415

    config, document = load_with_places(config_file)
    quiet_libraries()
    log = StructuredLog(form=config.log.format, level=config.log.level)
    with placing_problems(document):
        yield Service(config, log, path=Path(config_file).absolute())
