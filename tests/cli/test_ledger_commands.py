"""`once`, `status`, `jobs`, `show`, `retry`, `cancel` and `verify` on a real ledger."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from daemon.cli.main import app
from daemon.jobs.model import State
from daemon.jobs.state_folder import StateFolder
from tests.cli.conftest import ROOT, Command
from tests.cli.test_check_command import dead_port
from tests.running import Daemon
from tests.waiting import wait_until

CONFIG = """\
state: state
inboxes:
  receipts:
    path: inbox
    settle: 50ms
    read: none
    deliver: [disk]
destinations:
  disk: {type: folder, path: out}
"""
DEAD = """\
state: state
inboxes:
  receipts: {{path: inbox, settle: 50ms, read: none, deliver: [web]}}
destinations:
  web: {{type: http, url: "http://127.0.0.1:{port}/in", retry: {{attempts: 1}}}}
"""


def placed(folder: Path, text: str = CONFIG) -> Path:
    """A configuration with its inbox: one good file in it, and one that is not what it says."""
    (folder / "inbox").mkdir()
    (folder / "out").mkdir()
    Image.new("RGB", (40, 40), "white").save(folder / "inbox" / "good.png")
    (folder / "inbox" / "words.jpg").write_text("not a picture")
    path = folder / "inboxd.yaml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def once_drained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose inbox was drained once; each test gets a copy."""
    folder = tmp_path_factory.mktemp("drained")
    result = CliRunner().invoke(app, ["once", "-c", str(placed(folder))])
    assert (result.exit_code, result.stdout) == (1, "")
    return folder


@pytest.fixture
def drained(once_drained: Path, tmp_path: Path) -> Path:
    """A configuration whose inbox was drained."""
    return shutil.copytree(once_drained, tmp_path / "drained") / "inboxd.yaml"


def answer(inboxd: Command, *arguments: Any) -> Any:
    """What a command prints with --json."""
    result = inboxd(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def listed(inboxd: Command, path: Path) -> dict[str, Any]:
    """The jobs of a ledger by the name of the file."""
    return {job["file"]: job for job in answer(inboxd, "jobs", "-c", path)}


class TestOnce:
    def test_good_files_end_well(self, inboxd: Command, tmp_path: Path) -> None:
        """Events go to stderr, one JSON object a line; stdout stays empty."""
        path = placed(tmp_path)
        (tmp_path / "inbox" / "words.jpg").unlink()
        result = inboxd("once", "-c", path)
        assert (result.exit_code, result.stdout) == (0, "")
        events = [json.loads(line)["event"] for line in result.stderr.splitlines()]
        assert events[0] == "daemon.started"
        assert "job.done" in events
        sidecar = json.loads((tmp_path / "done" / "good.png.json").read_text())
        assert sidecar["deliveries"][0]["state"] == "delivered"
        assert (tmp_path / "out" / "good.png").exists()

    def test_a_rejected_file_is_told_by_the_exit_code(self, drained: Path) -> None:
        """It lies in rejected/ with its reason."""
        sidecar = json.loads((drained.parent / "rejected" / "words.jpg.json").read_text())
        assert sidecar["error"]["code"] == "type_mismatch"

    def test_a_state_folder_already_held(self, inboxd: Command, drained: Path) -> None:
        """Exit code 3, and who holds it."""
        with StateFolder(drained.parent / "state").lock():
            for command in ("once", "run"):
                result = inboxd(command, "-c", drained)
                assert result.exit_code == 3
                assert "another inboxd (process" in result.stderr.splitlines()[-1]

    def test_a_disk_that_is_full(self, inboxd: Command, tmp_path: Path, full_disk: None) -> None:
        """Exit code 4, and every file is where it was."""
        result = inboxd("once", "-c", placed(tmp_path))
        assert result.exit_code == 4
        assert "environment.paused" in result.stderr
        assert len(list((tmp_path / "inbox").iterdir())) == 2

    def test_no_rights_on_a_folder(
        self, inboxd: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Exit code 4, one line, and every file is where it was."""
        path = placed(tmp_path)
        state = tmp_path / "state"
        monkeypatch.setattr("os.access", lambda at, *_: Path(at) != state)
        result = inboxd("once", "-c", path)
        assert result.exit_code == 4
        assert "give the daemon's user the rights" in result.stderr.splitlines()[-1]
        assert len(list((tmp_path / "inbox").iterdir())) == 2

    def test_a_dead_destination_keeps_its_files(self, inboxd: Command, tmp_path: Path) -> None:
        """The file waits for its next attempt; it can be given up, and nothing is lost."""
        path = placed(tmp_path, DEAD.format(port=dead_port()))
        assert inboxd("once", "-c", path).exit_code == 1
        job = listed(inboxd, path)["good.png"]
        assert job["state"] == "parked"
        assert Path(job["place"]).parent == tmp_path / "work"
        assert job["deliveries"][0]["error"]["kind"] == "transient"
        assert "next" in inboxd("show", "-c", path, "good.png").stdout
        assert inboxd("cancel", "-c", path, job["job"]).exit_code == 0
        inboxd("once", "-c", path)
        job = listed(inboxd, path)["good.png"]
        assert (job["state"], job["place"]) == ("cancelled", str(tmp_path / "rejected/good.png"))
        assert job["deliveries"][0]["next_attempt"] is None
        assert inboxd("verify", "-c", path).exit_code == 0


class TestRun:
    def test_it_takes_files_in_and_stops_when_told(self, inboxd: Command, tmp_path: Path) -> None:
        """`status` sees it run, SIGTERM ends it with 0."""
        path = placed(tmp_path)
        daemon = subprocess.Popen(
            [sys.executable, "-m", "daemon", "run", "-c", path], cwd=ROOT, stderr=subprocess.PIPE
        )
        try:
            wait_until((tmp_path / "done" / "good.png").exists, "the file to be done")
            status = answer(inboxd, "status", "-c", path)
            assert (status["running"], status["pid"]) == (True, daemon.pid)
            daemon.send_signal(signal.SIGTERM)
            _, events = daemon.communicate(timeout=60)
        finally:
            daemon.kill()
        assert daemon.returncode == 0
        assert json.loads(events.splitlines()[-1])["event"] == "daemon.stopped"

    def test_a_secret_that_is_not_there(self, inboxd: Command, tmp_path: Path) -> None:
        """Exit code 2, and the line of the key."""
        path = placed(
            tmp_path,
            CONFIG.replace(
                "  disk: {type: folder, path: out}\n",
                "  disk:\n    type: http\n    url: https://example.com/in\n"
                "    auth: {type: bearer, token_env: NOT_SET_ANYWHERE}\n",
            ),
        )
        result = inboxd("run", "-c", path)
        assert result.exit_code == 2
        last = result.stderr.splitlines()[-1]
        assert last.startswith(f"inboxd: {path}:12:5: destinations.disk.auth: ")


class TestStatus:
    def test_counts_and_health(self, inboxd: Command, drained: Path) -> None:
        """Without a daemon nothing is healthy, and the counts are there all the same."""
        status = answer(inboxd, "status", "-c", drained)
        assert status["counts"] == {"receipts": {"done": 1, "rejected": 1}}
        assert status["totals"]["done"] == 1
        assert (status["running"], status["healthy"]) == (False, False)
        assert (status["in_flight"], status["oldest_waiting"]) == ([], None)

    def test_a_file_that_is_not_ready_is_told(self, inboxd: Command, tmp_path: Path) -> None:
        """Who wonders why a file stays in the inbox learns it here."""
        with Daemon(tmp_path) as daemon, (daemon.inbox / "open.bin").open("wb") as writing:
            writing.write(b"not yet")
            writing.flush()
            said = "not ready: open.bin in box, open for writing"
            wait_until(
                lambda: said in inboxd("status", "-c", daemon.config_path).stdout, "the reason"
            )

    def test_it_watches_until_it_is_told_to_stop(self, drained: Path) -> None:
        """A line of JSON every second; Ctrl-C ends it quietly."""
        watching = subprocess.Popen(
            [sys.executable, "-m", "daemon", "status", "-c", drained, "--json", "--watch"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert watching.stdout is not None
        assert [json.loads(watching.stdout.readline())["totals"]["done"] for _ in "ab"] == [1, 1]
        watching.send_signal(signal.SIGINT)
        _, errors = watching.communicate(timeout=30)
        assert (watching.returncode, errors) == (130, "")

    def test_people_see_a_table(self, inboxd: Command, drained: Path) -> None:
        """By inbox and state."""
        result = inboxd("status", "-c", drained)
        assert result.exit_code == 0
        assert "not running" in result.stdout
        assert "receipts" in result.stdout

    def test_a_daemon_that_never_ran(self, inboxd: Command, tmp_path: Path) -> None:
        """It is said; no ledger is made."""
        path = placed(tmp_path)
        result = inboxd("status", "-c", path)
        assert (result.exit_code, result.stdout) == (4, "")
        assert "has the daemon run yet?" in result.stderr
        assert not (tmp_path / "state").exists()


class TestJobs:
    def test_a_state_narrows_the_list(self, inboxd: Command, drained: Path) -> None:
        """Newest first, each with where it lies."""
        (job,) = answer(inboxd, "jobs", "-c", drained, "--state", "rejected")
        assert job["file"] == "words.jpg"
        assert job["place"] == str(drained.parent / "rejected" / "words.jpg")
        assert job["error"]["code"] == "type_mismatch"

    def test_people_see_why(self, inboxd: Command, drained: Path) -> None:
        """In a table."""
        result = inboxd("jobs", "-c", drained)
        assert "the content is text/plain" in result.stdout
        assert "good.png" in result.stdout

    def test_an_unknown_state(self, inboxd: Command, drained: Path) -> None:
        """The known ones are named."""
        result = inboxd("jobs", "-c", drained, "--state", "broken")
        assert result.exit_code == 2
        assert "'rejected'" in result.stderr


class TestShow:
    @pytest.mark.parametrize(
        "name",
        [
            "words.jpg",
            "rejected/words.jpg",
            "rejected/words.jpg.json",
            "inbox/words.jpg",
        ],
    )
    def test_a_file_is_found_by_its_name_and_by_every_path(
        self, inboxd: Command, drained: Path, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Wherever a person met it."""
        monkeypatch.chdir(drained.parent)
        facts = answer(inboxd, "show", "-c", drained, name)
        assert facts["file"] == "words.jpg"
        events = [entry["event"] for entry in facts["history"]]
        assert (events[0], events[-1]) == ("queued", "rejected")

    def test_an_id_is_enough(self, inboxd: Command, drained: Path) -> None:
        """Whole."""
        job = listed(inboxd, drained)["good.png"]
        assert answer(inboxd, "show", "-c", drained, job["job"])["file"] == "good.png"

    def test_the_start_of_an_id_that_fits_several(self, inboxd: Command, drained: Path) -> None:
        """They are named."""
        job = listed(inboxd, drained)["good.png"]
        result = inboxd("show", "-c", drained, job["job"][:8])
        assert result.exit_code == 2
        assert "is the start of several" in result.stderr

    @pytest.mark.parametrize("elsewhere", ["inbox/deeper/words.jpg", "../words.jpg", "x/words.jpg"])
    def test_a_path_that_leads_elsewhere_is_no_name(
        self, inboxd: Command, drained: Path, elsewhere: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another file of that name is not taken for it, least of all to give it up."""
        monkeypatch.chdir(drained.parent)
        for command in ("show", "retry", "cancel"):
            result = inboxd(command, "-c", drained, elsewhere)
            assert (result.exit_code, result.stdout) == (2, "")
            assert f"nothing is known of '{elsewhere}'" in result.stderr

    def test_a_path_by_way_of_a_link(self, inboxd: Command, drained: Path, tmp_path: Path) -> None:
        """It is the same file."""
        (tmp_path / "link").symlink_to(drained.parent)
        named = str(tmp_path / "link" / "inbox" / "words.jpg")
        assert answer(inboxd, "show", "-c", drained, named)["file"] == "words.jpg"

    def test_a_file_whose_json_is_gone(self, inboxd: Command, drained: Path) -> None:
        """Its path still says which it is."""
        rejected = drained.parent / "rejected" / "words.jpg"
        rejected.with_name("words.jpg.json").unlink()
        assert answer(inboxd, "show", "-c", drained, str(rejected))["file"] == "words.jpg"

    def test_a_name_that_lies_in_folders(self, inboxd: Command, tmp_path: Path) -> None:
        """The name alone is enough where one folder has it; where several have, all are told."""
        path = placed(tmp_path, CONFIG.replace("receipts:", "receipts:\n    recursive: true"))
        for number, name in enumerate(("a/one.png", "a/two.png", "b/two.png")):
            (tmp_path / "inbox" / name).parent.mkdir(exist_ok=True)
            Image.new("RGB", (60 + number, 60), "white").save(tmp_path / "inbox" / name)
        assert inboxd("once", "-c", path).exit_code == 1
        assert answer(inboxd, "show", "-c", path, "one.png")["file"] == "a/one.png"
        assert answer(inboxd, "show", "-c", path, "b/two.png")["file"] == "b/two.png"
        several = inboxd("show", "-c", path, "two.png")
        assert several.exit_code == 2
        assert "two.png may be any of a/two.png, b/two.png; name its folder too" in several.stderr

    def test_one_name_in_two_inboxes(self, inboxd: Command, tmp_path: Path) -> None:
        """The path says which is meant, also where the other is newer."""
        twin = "  twin: {path: twin/inbox, settle: 50ms, read: none}\ndestinations:"
        path = placed(tmp_path, CONFIG.replace("destinations:", twin))
        (tmp_path / "twin" / "inbox").mkdir(parents=True)
        assert inboxd("once", "-c", path).exit_code == 1
        (tmp_path / "twin" / "inbox" / "words.jpg").write_text("other words")
        assert inboxd("once", "-c", path).exit_code == 1
        for folder, inbox in (("inbox", "receipts"), ("twin/inbox", "twin")):
            named = str(tmp_path / folder / "words.jpg")
            assert answer(inboxd, "show", "-c", path, named)["inbox"] == inbox

    def test_of_several_of_one_name_the_newest(self, inboxd: Command, drained: Path) -> None:
        """The others are named."""
        Image.new("RGB", (50, 50), "black").save(drained.parent / "inbox" / "good.png")
        inboxd("once", "-c", drained)
        facts = answer(inboxd, "show", "-c", drained, "good.png")
        assert len(facts["others"]) == 1
        assert facts["job"] > facts["others"][0]
        assert Path(facts["place"]).name.startswith("good~")

    def test_what_is_not_known(self, inboxd: Command, drained: Path) -> None:
        """A usage error that says where to look."""
        result = inboxd("show", "-c", drained, "nothing.jpg")
        assert result.exit_code == 2
        assert "nothing is known of 'nothing.jpg'" in result.stderr

    def test_a_name_that_is_not_utf8(self, inboxd: Command, tmp_path: Path) -> None:
        """It is found by its bytes, by how it is shown and by its path."""
        with Daemon(tmp_path) as daemon:
            daemon.drop(b"r\xff.bin")
            daemon.wait_for(State.DONE)
        raw = os.fsdecode(b"r\xff.bin")
        for name in (raw, r"r\xff.bin", daemon.done / raw):
            assert answer(inboxd, "show", "-c", daemon.config_path, name)["file"] == r"r\xff.bin"
        unknown = inboxd("show", "-c", daemon.config_path, os.fsdecode(b"n\xff.bin"))
        assert unknown.exit_code == 2

    def test_people_see_where_and_why(self, inboxd: Command, drained: Path) -> None:
        """Line by line."""
        result = inboxd("show", "-c", drained, "words.jpg")
        assert result.exit_code == 0
        assert "type_mismatch" in result.stdout
        assert str(drained.parent / "rejected" / "words.jpg") in result.stdout


class TestRetry:
    def test_a_rejected_file_is_judged_anew(self, inboxd: Command, drained: Path) -> None:
        """Under the rules that hold now."""
        result = inboxd("retry", "-c", drained, "words.jpg")
        assert result.exit_code == 0
        assert "is taken up again" in result.stdout
        assert "No daemon runs" in result.stderr
        assert listed(inboxd, drained)["words.jpg"]["state"] == "queued"
        assert inboxd("once", "-c", drained).exit_code == 1
        assert listed(inboxd, drained)["words.jpg"]["state"] == "rejected"
        assert inboxd("verify", "-c", drained).exit_code == 0

    def test_a_done_file_is_left_alone(self, inboxd: Command, drained: Path) -> None:
        """Nothing is changed for the others named beside it either."""
        result = inboxd("retry", "-c", drained, "words.jpg", "good.png")
        assert result.exit_code == 2
        assert "good.png is done and cannot be tried again" in result.stderr
        assert listed(inboxd, drained)["words.jpg"]["state"] == "rejected"

    def test_a_job_named_twice(self, inboxd: Command, drained: Path) -> None:
        """It is taken up once."""
        job = listed(inboxd, drained)["words.jpg"]["job"]
        result = inboxd("retry", "-c", drained, "words.jpg", job)
        assert (result.exit_code, result.stdout) == (0, f"{job} words.jpg is taken up again\n")

    def test_all_failed_where_none_is(self, inboxd: Command, drained: Path) -> None:
        """Nothing to do is no error."""
        result = inboxd("retry", "-c", drained, "--all-failed")
        assert (result.exit_code, result.stderr) == (0, "There is nothing to do.\n")

    @pytest.mark.parametrize("arguments", [(), ("words.jpg", "--all-failed")])
    def test_one_way_of_naming(
        self, inboxd: Command, drained: Path, arguments: tuple[str, ...]
    ) -> None:
        """Either jobs or all that failed."""
        result = inboxd("retry", "-c", drained, *arguments)
        assert result.exit_code == 2
        assert "name jobs, or give --all-failed" in result.stderr

    def test_an_ended_job_cannot_be_given_up(self, inboxd: Command, drained: Path) -> None:
        """It is said what it is."""
        result = inboxd("cancel", "-c", drained, "good.png")
        assert result.exit_code == 2
        assert "is done and cannot be given up" in result.stderr


class TestVerify:
    def test_a_missing_sidecar_is_told(self, inboxd: Command, drained: Path) -> None:
        """With what to do about it."""
        assert inboxd("verify", "-c", drained).exit_code == 0
        (drained.parent / "done" / "good.png.json").unlink()
        result = inboxd("verify", "-c", drained)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "sidecar_missing" in result.stderr
        result = inboxd("verify", "-c", drained, "--json")
        assert {one["code"] for one in json.loads(result.stdout)} >= {"sidecar_missing"}

    def test_a_missing_sidecar_is_written_again(self, inboxd: Command, drained: Path) -> None:
        """`--repair` says what it did, and ends with 0 as all agrees then."""
        (drained.parent / "done" / "good.png.json").unlink()
        result = inboxd("verify", "-c", drained, "--repair", "--json")
        assert result.exit_code == 0
        (one,) = json.loads(result.stdout)
        assert (one["code"], bool(one["mended"])) == ("sidecar_missing", True)
        assert inboxd("verify", "-c", drained).exit_code == 0

    def test_nothing_is_repaired_beside_a_daemon(self, inboxd: Command, drained: Path) -> None:
        """Exit code 3, and nothing is changed."""
        sidecar = drained.parent / "done" / "good.png.json"
        sidecar.unlink()
        with StateFolder(drained.parent / "state").lock():
            assert inboxd("verify", "-c", drained, "--repair").exit_code == 3
        assert not sidecar.exists()

    def test_what_cannot_be_mended_is_named(self, inboxd: Command, drained: Path) -> None:
        """Exit code 1; only a person knows whose file it is."""
        (drained.parent / "done" / "holiday.jpg").write_bytes(b"x")
        result = inboxd("verify", "-c", drained, "--repair")
        assert result.exit_code == 1
        assert "no_sidecar" in result.stderr

    def test_a_damaged_ledger_is_made_anew(self, inboxd: Command, drained: Path) -> None:
        """Exit code 4 without `--repair`, 0 with it."""
        ledger = drained.parent / "state" / "ledger.sqlite3"
        ledger.write_bytes(b"noise" * 1000)
        result = inboxd("verify", "-c", drained)
        assert result.exit_code == 4
        assert "verify --repair" in result.stderr
        result = inboxd("verify", "-c", drained, "--repair")
        assert result.exit_code == 0
        assert "2 from sidecars" in result.stderr
        assert inboxd("status", "-c", drained).exit_code == 0

    def test_a_newer_ledger_is_left_alone(self, inboxd: Command, drained: Path) -> None:
        """Exit code 4, with what to do."""
        path = drained.parent / "state" / "ledger.sqlite3"
        with sqlite3.connect(path) as ledger:
            ledger.execute("PRAGMA user_version = 99")
        ledger.close()
        before = path.read_bytes()
        result = inboxd("verify", "-c", drained, "--repair")
        assert result.exit_code == 4
        assert "install that version again" in result.stderr
        assert path.read_bytes() == before
