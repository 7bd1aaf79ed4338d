"""Folders of a configuration that would get in each other's way."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.writing import GOOD, complaints, inbox, loaded


class TestFolders:
    def test_two_inboxes_on_one_folder(self, tmp_path: Path) -> None:
        """Two readers of one folder would fight over its files."""
        (only,) = complaints(tmp_path, "state: s\ninboxes: {a: {path: in}, b: {path: ./x/../in}}")
        assert only.startswith("2:36: inboxes.b.path: this is the folder of the inbox a too")

    def test_two_inboxes_on_one_folder_through_a_link(self, tmp_path: Path) -> None:
        """A link does not hide it."""
        (tmp_path / "in").mkdir()
        (tmp_path / "link").symlink_to("in")
        (only,) = complaints(tmp_path, "state: s\ninboxes: {a: {path: in}, b: {path: link}}")
        assert "this is the folder of the inbox a too" in only

    @pytest.mark.parametrize("end", ["done", "rejected", "work"])
    def test_an_end_inside_a_recursive_inbox(self, tmp_path: Path, end: str) -> None:
        """Finished files would be taken in again and again."""
        (only,) = complaints(tmp_path, inbox(recursive="true", **{end: "inbox/deep/er"}))
        assert "lies inside the inbox, which is recursive; files would be taken in again" in only

    @pytest.mark.parametrize("end", ["done", "rejected", "work"])
    def test_an_end_that_is_the_inbox(self, tmp_path: Path, end: str) -> None:
        """Also without recursion."""
        assert "is the inbox itself" in complaints(tmp_path, inbox(**{end: "inbox/"}))[0]

    def test_an_end_inside_a_recursive_inbox_through_a_link(self, tmp_path: Path) -> None:
        """What counts is where the folder really lies."""
        (tmp_path / "inbox" / "deep").mkdir(parents=True)
        (tmp_path / "out").symlink_to("inbox/deep")
        assert (
            "lies inside the inbox" in complaints(tmp_path, inbox(recursive="true", done="out"))[0]
        )

    def test_an_end_that_is_a_file(self, tmp_path: Path) -> None:
        """It is said before the first receipt has nowhere to go."""
        (tmp_path / "done").touch()
        assert "done is not a folder" in complaints(tmp_path, inbox())[0]

    def test_work_that_is_done(self, tmp_path: Path) -> None:
        """Unfinished files would look finished."""
        assert "this is the done folder too" in complaints(tmp_path, inbox(work="done"))[0]

    def test_an_inbox_inside_a_recursive_one(self, tmp_path: Path) -> None:
        """Both would take its files."""
        (only,) = complaints(
            tmp_path,
            "state: s\ninboxes: {a: {path: in, recursive: true}, "
            "b: {path: in/b, done: d, rejected: d, work: w}}",
        )
        assert "inboxes.b.path: lies inside the inbox a, which is recursive" in only

    def test_done_of_one_is_the_inbox_of_another(self, tmp_path: Path) -> None:
        """A sidecar is not a receipt."""
        (only,) = complaints(tmp_path, "state: s\ninboxes: {a: {path: i/a, done: b}, b: {path: b}}")
        assert "inboxes.a.done" in only
        assert "lies in the inbox b" in only

    def test_state_inside_an_inbox(self, tmp_path: Path) -> None:
        """The ledger is not a receipt either."""
        text = GOOD.replace("state: state", "state: inbox/state")
        assert "lies in the inbox receipts" in complaints(tmp_path, text)[0]

    def test_state_that_is_done(self, tmp_path: Path) -> None:
        """Two things would write into one folder."""
        text = GOOD.replace("state: state", "state: done")
        assert "is the done folder of receipts" in complaints(tmp_path, text)[0]

    def test_the_configuration_inside_an_inbox(self, tmp_path: Path) -> None:
        """It would be taken in, and the next start would have none."""
        found = complaints(tmp_path, inbox(path=".", done="../d", rejected="../d", work="../w"))
        assert "this configuration file lies in the inbox" in "\n".join(found)

    def test_a_destination_inside_a_recursive_inbox(self, tmp_path: Path) -> None:
        """Delivered files would be delivered again."""
        text = GOOD.replace("path: inbox", "path: inbox\n    recursive: true")
        found = complaints(tmp_path, text.replace("path: archive", "path: inbox/archive"))
        assert "lies inside the inbox, which is recursive (receipts)" in found[0]

    def test_a_destination_that_is_done(self, tmp_path: Path) -> None:
        """A delivered copy would take the original's name."""
        found = complaints(tmp_path, GOOD.replace("path: archive", "path: done"))
        assert "is the done folder of receipts; deliver somewhere else" in found[0]

    @pytest.mark.parametrize(("end", "other"), [("done", "rejected"), ("rejected", "done")])
    def test_work_and_an_end_one_in_the_other(self, tmp_path: Path, end: str, other: str) -> None:
        """`inboxd verify` would find files without a sidecar where all have one."""
        (only,) = complaints(tmp_path, inbox(**{other: "else", "work": f"{end}/work"}))
        assert f"lies in the {end} folder; what is there counts as finished" in only
        (only,) = complaints(tmp_path, inbox(**{end: f"work/{end}"}))
        assert "lies in the work folder" in only

    def test_an_inbox_inside_the_done_of_another(self, tmp_path: Path) -> None:
        """What waits there would be called a stranger among finished files."""
        text = "state: s\ninboxes: {{a: {{path: i/a, done: d}}, b: {{path: {}, work: {}}}}}"
        (only,) = complaints(tmp_path, text.format("d/b/in", "d/b/work"))
        assert "inboxes.b.path: lies in the done folder of the inbox a" in only
        for work in ("d", "d/work"):
            (only,) = complaints(tmp_path, text.format("b", work))
            assert "inboxes.b.work: lies in the done folder of the inbox a" in only

    def test_state_or_a_destination_inside_done(self, tmp_path: Path) -> None:
        """Neither a ledger nor a copy has a sidecar."""
        found = complaints(tmp_path, GOOD.replace("state: state", "state: done/state"))
        assert "lies in the done folder of receipts; the ledger needs its own" in found[0]
        found = complaints(tmp_path, GOOD.replace("path: archive", "path: done/archive"))
        assert "lies in the done folder of receipts, where each file has its JSON" in found[0]

    def test_a_destination_that_is_the_state_folder(self, tmp_path: Path) -> None:
        """A file that is called ledger.sqlite3 would be delivered beside the ledger, or over it."""
        (only,) = complaints(tmp_path, GOOD.replace("path: archive", "path: state"))
        assert "is the state folder" in only

    def test_hard_links_to_originals_that_stay(self, tmp_path: Path) -> None:
        """Who writes to an original that is kept would change what was delivered."""
        linked = GOOD.replace("path: archive", "path: archive, method: hardlink")
        loaded(tmp_path, linked)
        kept = linked.replace("path: inbox", "path: inbox\n    originals: keep")
        (only,) = complaints(tmp_path, kept)
        assert "whoever writes to one would change what was delivered" in only
