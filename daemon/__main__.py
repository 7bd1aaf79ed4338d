"""`python -m daemon` is the same as the `inboxd` command."""

from __future__ import annotations

import sys

_INTERRUPTED = 130


def main() -> None:
    """Load the command and run it; Ctrl-C is no error while it loads either."""
    try:
        from daemon.cli.main import main as run  # noqa: PLC0415  # it takes half a second

        run()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
