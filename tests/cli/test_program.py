"""How the command ends: one clear line and the right code, whatever happens."""

from __future__ import annotations

import errno
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner, Result

from daemon.cli.main import app
from daemon.cli.output import printable
from daemon.cli.program import Program, new_app
from daemon.errors import (
    AlreadyRunningError,
    ConfigError,
    EnvironmentFaultError,
    InboxdError,
    LedgerError,
    Problem,
    UsageError,
)
from tests.cli.conftest import ROOT, Command, Process

COMMANDS = sorted(
    command.name or str(command.callback and command.callback.__name__)
    for command in app.registered_commands
)


def ending(error: BaseException) -> Result:
    """How a program ends in which a command raises an error."""
    broken = new_app("A program of one command.")

    @broken.callback()
    def all_commands() -> None:
        pass

    @broken.command()
    def fail() -> None:
        raise error

    return CliRunner().invoke(broken, ["fail"])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError([Problem("f:1:2", "a: is wrong")]), 2),
        (UsageError("no_such_job", "there is no such job"), 2),
        (AlreadyRunningError("held", "another instance holds it"), 3),
        (EnvironmentFaultError("disk_full", "no space"), 4),
        (LedgerError("ledger", "the ledger is damaged"), 4),
        (InboxdError("x", "something else"), 1),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/srv"), 4),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/srv"), 4),
        (KeyboardInterrupt(), 130),
        (BrokenPipeError(), 141),
        (typer.Exit(1), 1),
    ],
)
def test_every_error_has_its_exit_code(error: BaseException, code: int) -> None:
    """The codes are those of the contract; nothing is shown as a traceback."""
    result = ending(error)
    assert result.exit_code == code
    assert "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit)


def test_each_problem_stands_on_a_line_of_its_own() -> None:
    """All are told, each with its place."""
    result = ending(ConfigError([Problem("f:1:2", "a: is wrong"), Problem("f:3:4", "b: too")]))
    assert result.stderr == "inboxd: f:1:2: a: is wrong\ninboxd: f:3:4: b: too\n"


def test_a_missing_choice_is_one_line(inboxd: Command) -> None:
    """With what can be chosen, not a list over several lines."""
    (line,) = inboxd("schema").stderr.splitlines()
    assert "sidecar, config; see inboxd schema --help" in line


def test_a_fault_of_ours_is_not_hidden() -> None:
    """What nobody foresaw keeps its traceback, so that it can be mended."""
    assert isinstance(ending(ZeroDivisionError()).exception, ZeroDivisionError)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing command; see inboxd --help"),
        (["chek"], "No such command 'chek'. Did you mean 'check'"),
        (["show"], "Missing argument 'JOB-OR-PATH'; see inboxd show --help"),
        (["check", "-c"], "Option '-c' requires an argument"),
        (["check", "--onlin"], "No such option"),
        (["schema", "x"], "'x' is not one of 'sidecar', 'config'"),
        (["read"], "Missing argument"),
    ],
)
def test_a_mistyped_command_is_one_line(inboxd: Command, arguments: list[str], said: str) -> None:
    """With the command that explains it, and exit code 2."""
    result = inboxd(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("inboxd: ")
    assert said in line


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_teaches_with_an_example(inboxd: Command, command: str) -> None:
    """Nobody has to look elsewhere to begin."""
    result = inboxd(command, "--help")
    assert result.exit_code == 0
    assert f"  inboxd {command}" in result.stdout.split("Example", 1)[1]


def test_every_option_is_explained() -> None:
    """Those of `bench upload` too, whose examples name it in full."""
    group = typer.main.get_command(app)
    assert isinstance(group, Program)
    bench = group.commands["bench"]
    assert isinstance(bench, TyperGroup)
    for name, command in {**group.commands, **bench.commands}.items():
        bare = [option.name for option in command.params if not getattr(option, "help", None)]
        assert bare == [], name
        assert f"  inboxd {'bench upload' if name == 'upload' else name}" in (command.help or "")


def test_help_names_every_exit_code(inboxd: Command) -> None:
    """Scripts are written from it."""
    result = inboxd("--help")
    assert result.exit_code == 0
    assert all(f"{code} " in result.stdout for code in range(5))


def test_the_version_is_told(process: Process) -> None:
    """Also by `python -m daemon`."""
    result = process("--version")
    assert (result.returncode, result.stdout) == (0, "inboxd 0.1.0\n")


def test_nothing_heavy_is_loaded_before_it_is_needed() -> None:
    """Help is there at once."""
    code = (
        "import sys\n"
        "sys.argv = ['inboxd', '--help']\n"
        "from daemon.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'pydantic', 'requests', 'PIL', 'numpy', 'onnxruntime', 'rich', 'yaml'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or None)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_leaves_is_no_error() -> None:
    """`inboxd schema config | head -1` stays silent."""
    ours = subprocess.Popen(
        [sys.executable, "-m", "daemon", "schema", "config"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert ours.stdout is not None
    ours.stdout.close()
    assert ours.stderr is not None
    with ours.stderr as errors:
        assert errors.read() == b""
    assert ours.wait(60) == 141


def test_a_reader_of_a_table_that_leaves_is_no_error(tmp_path: Path) -> None:
    """A table ends as all other output does."""
    config = tmp_path / "inboxd.yaml"
    (tmp_path / "inbox").mkdir()
    config.write_text("state: state\ninboxes: {r: {path: inbox, read: none}}\n")
    ours = [sys.executable, "-m", "daemon"]
    subprocess.run([*ours, "once", "-c", config], cwd=ROOT, check=True, capture_output=True)
    reading, writing = os.pipe()
    os.close(reading)
    jobs = subprocess.run(
        [*ours, "jobs", "-c", config], cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (jobs.returncode, jobs.stderr) == (141, b"")


@pytest.mark.parametrize("closed", ["1>&-", "0<&- 1>&- 2>&-"])
@pytest.mark.parametrize("command", ["once", "jobs --json"])
def test_closed_streams_are_no_error(tmp_path: Path, command: str, closed: str) -> None:
    """What starts us may have closed them; no file gets their numbers, or what is said there."""
    config = tmp_path / "inboxd.yaml"
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "words.txt").write_text("words")
    config.write_text(
        "state: state\ninboxes: {r: {path: inbox, read: none, settle: 50ms, accept: ['*/*']}}\n"
    )
    ours = [sys.executable, "-m", "daemon"]
    if command != "once":
        subprocess.run([*ours, "once", "-c", config], cwd=ROOT, check=True, capture_output=True)
    line = f"{shlex.join(ours)} {command} -c {shlex.quote(str(config))} {closed}"
    done = subprocess.run(["sh", "-c", line], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    if command == "once":
        assert (tmp_path / "done" / "words.txt").read_text() == "words"
        assert all(line.startswith(b"{") for line in done.stderr.splitlines())


def test_ctrl_c_while_the_program_loads_is_no_error(tmp_path: Path) -> None:
    """It ends as quietly as later on."""
    pipe = tmp_path / "never"
    os.mkfifo(pipe)
    code = (
        "import runpy, sys\n"
        "class Slow:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'typer':\n"
        f"            open({str(pipe)!r}).read()\n"
        "sys.meta_path.insert(0, Slow())\n"
        "runpy.run_module('daemon', run_name='__main__')\n"
    )
    ours = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    writer = os.open(pipe, os.O_WRONLY)  # it is loading once the pipe has a reader
    ours.send_signal(signal.SIGINT)
    try:
        output, errors = ours.communicate(timeout=60)
    finally:
        os.close(writer)
    assert (ours.returncode, output, errors) == (130, b"", b"")


def test_ctrl_c_is_no_error(tmp_path: Path) -> None:
    """It ends quietly with 130."""
    pipe = tmp_path / "never.yaml"
    os.mkfifo(pipe)
    ours = subprocess.Popen(
        [sys.executable, "-m", "daemon", "check", "-c", pipe],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    # It is inside the command, and waits for the configuration, once the pipe has a reader.
    writer = os.open(pipe, os.O_WRONLY)
    ours.send_signal(signal.SIGINT)
    try:
        output, errors = ours.communicate(timeout=60)
    finally:
        os.close(writer)
    assert (ours.returncode, output, errors) == (130, "", "")


def test_a_terminal_without_unicode_gets_escapes(tmp_path: Path) -> None:
    """And no traceback."""
    (tmp_path / "ü.txt").write_text("words")
    result = subprocess.run(
        [sys.executable, "-m", "daemon", "read", tmp_path / "ü.txt"],
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
    )
    assert result.returncode == 1
    assert rb"\xfc.txt" in result.stdout


def test_control_characters_are_shown_not_obeyed() -> None:
    """A file's name cannot clear the screen."""
    assert printable("a\x1b[2Jb\nc\u202ed\udcff") == "a\\x1b[2Jb\nc\\u202ed\\udcff"
