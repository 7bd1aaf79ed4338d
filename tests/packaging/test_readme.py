"""What the README tells people to type and to write is right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
import yaml
from typer.core import TyperGroup

from daemon.cli.main import app
from daemon.cli.program import Program
from daemon.config.load import load
from tests.readme import ROOT, shell_blocks

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
SETTINGS = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_the_first_two_blocks_are_one_line_each() -> None:
    """The first block sets up and runs the demonstration, the second sets up and runs the tests."""
    first, second, *_ = shell_blocks()
    assert first.count("\n") == second.count("\n") == 1
    assert first.endswith("&& .venv/bin/inboxd demo\n")
    assert second.endswith("&& .venv/bin/python -m pytest\n")
    assert second.rpartition(" && ")[0] == first.rpartition(" && ")[0].replace(
        "requirements.lock", "requirements-dev.lock"
    )


@pytest.mark.parametrize(
    "text", SETTINGS, ids=lambda text: "+".join(yaml.safe_load(text)["inboxes"])
)
def test_every_configuration_shown_is_valid(text: str, tmp_path: Path) -> None:
    """Each YAML block loads; recipes leave out `state`, which a service has from systemd."""
    file = tmp_path / "config.yaml"
    file.write_text(text, encoding="utf-8")
    config = load(file, environment={"STATE_DIRECTORY": str(tmp_path / "state")})
    assert config.inboxes


def test_every_command_shown_exists() -> None:
    """README and docs/operations.md name all commands and none that is not there."""
    group = typer.main.get_command(app)
    assert isinstance(group, Program)
    operations = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"(?:`|bin/|    |\*  \S*)inboxd ([a-z]+)\b", TEXT + operations))
    assert shown == set(group.commands)


def test_every_command_has_its_row() -> None:
    """The table of the README has all commands, and no other."""
    group = typer.main.get_command(app)
    assert isinstance(group, Program)
    (table,) = re.findall(r"^\| command \| does \|\n\|-\|-\|\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    first_cells = [row.split("|")[1] for row in table.splitlines()]
    named = re.findall(r"`inboxd ([a-z]+)", " ".join(first_cells))
    assert sorted(named) == sorted(group.commands)


def test_every_option_shown_exists() -> None:
    """What is shown behind a command is in its --help."""
    group = typer.main.get_command(app)
    assert isinstance(group, Program)
    operations = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    shown = re.findall(r"inboxd ((?:bench )?[a-z]+)((?: [^`\n|#>]*)?)", TEXT + operations)
    for name, arguments in shown:
        first, _, second = name.partition(" ")
        command = group.commands.get(first)
        if command is None:  # a sentence about inboxd
            continue
        if second:
            assert isinstance(command, TyperGroup)
            command = command.commands[second]
        known = {option for param in command.params for option in getattr(param, "opts", ())}
        used = set(re.findall(r"(?<= )(--?[a-z][a-z-]*)", arguments))
        assert used <= known | {"--help"}, f"inboxd {name}{arguments}"


def test_links_lead_somewhere() -> None:
    """Every link to a file of the repository has its file."""
    targets = re.findall(r"\]\(([^)#:]+)\)", TEXT)
    assert targets
    missing = [target for target in targets if not (ROOT / target).exists()]
    assert missing == []
