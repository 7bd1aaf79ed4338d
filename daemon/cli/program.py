"""The `inboxd` command as a whole: how it ends, whatever happens in it."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from daemon.cli.output import Exit, complain, exit_code, quiet_stdout
from daemon.errors import ConfigError, InboxdError, Problem
from daemon.files import environment_fault, is_environment

if TYPE_CHECKING:
    from daemon.config.places import Document


class Program(TyperGroup):
    """All commands; every error becomes one clear line on stderr and an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,  # noqa: ARG002  # the framework's signature
        standalone_mode: bool = True,  # noqa: ARG002
        windows_expand_args: bool = True,  # noqa: ARG002
        **extra: Any,  # noqa: ARG002
    ) -> Any:
        """Run a command and leave the process with its exit code."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # whatever the terminal speaks
        sys.exit(self._run(sys.argv[1:] if args is None else args, prog_name))

    def _run(self, args: Sequence[str], prog_name: str | None) -> int:
        try:
            with self.make_context(prog_name or "inboxd", list(args)) as context:
                code = self.invoke(context)
            sys.stdout.flush()
        except typer.Exit as leaving:
            return leaving.exit_code
        except typer.TyperException as error:
            message = " ".join(error.format_message().split())
            message = message.replace("Value error, ", "").rstrip(".")
            complain(f"{message}; see {_help_of(error)}")
            return Exit.USAGE
        except InboxdError as error:
            complain(error.message)
            return exit_code(error)
        except (KeyboardInterrupt, typer.Abort):
            return Exit.INTERRUPTED
        except BrokenPipeError:
            with contextlib.suppress(io.UnsupportedOperation):
                quiet_stdout()
            return Exit.BROKEN_PIPE
        except OSError as error:
            if not is_environment(error):
                raise
            complain(environment_fault(error, str(error.filename or "the system")).message)
            return Exit.ENVIRONMENT
        return int(code or 0)


def _help_of(error: typer.TyperException) -> str:
    """The command whose help says how it is done."""
    context = getattr(error, "ctx", None)
    return f"{getattr(context, 'command_path', 'inboxd')} --help"


def new_app(help_text: str) -> typer.Typer:
    """An application without commands yet."""
    return typer.Typer(
        name="inboxd",
        cls=Program,
        help=help_text,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


@contextlib.contextmanager
def placing_problems(document: Document) -> Iterator[None]:
    """Tell what is found wrong with a loaded configuration with its place in the file."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(
            [
                Problem(document.where(problem.where), f"{problem.where}: {problem.message}")
                for problem in error.problems
            ]
        ) from None


DEFAULT_CONFIG = "/etc/inboxd/config.yaml"
"""Where the service has its configuration."""
ConfigFile = Annotated[
    str,
    typer.Option(
        "--config", "-c", metavar="FILE", envvar="INBOXD_CONFIG", help="The configuration, in YAML."
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON on stdout and nothing else there.")
]
