"""Loading a configuration: what is accepted, and what is said about what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.config.destinations import FolderDestinationConfig, HttpDestinationConfig
from daemon.config.load import load
from daemon.errors import ConfigError
from tests.config.writing import GOOD, complaints, http, inbox, loaded, written
from tests.rights import without_rights


class TestAccepted:
    def test_relative_paths_begin_at_the_file(self, tmp_path: Path) -> None:
        """A configuration can be moved together with its folders."""
        config = loaded(tmp_path, GOOD)
        assert config.state == tmp_path / "state"
        receipts = config.inboxes["receipts"]
        assert receipts.path == tmp_path / "inbox"
        assert receipts.done_folder == tmp_path / "done"
        assert receipts.work_folder == tmp_path / "work"
        archive = config.destinations["archive"]
        assert isinstance(archive, FolderDestinationConfig)
        assert archive.path == tmp_path / "archive"

    def test_the_state_folder_of_systemd_is_used_when_none_is_named(self, tmp_path: Path) -> None:
        """The unit's StateDirectory= is enough; of several the first is taken."""
        text = GOOD.replace("state: state\n", "")
        config = loaded(tmp_path, text, STATE_DIRECTORY="/var/lib/inboxd:/var/lib/other")
        assert config.state == Path("/var/lib/inboxd")

    def test_variables_come_from_the_environment(self, tmp_path: Path) -> None:
        """A substituted value is text, whatever it looks like, and $${ is the plain text."""
        text = http(
            type="http",
            url="https://${SERVER}/in",
            data="{a: '$${NAME: x}'}".replace("{NAME: x}", "{{inbox}}"),
            concurrency="{max: '${MOST}'}",
        )
        config = loaded(tmp_path, text, SERVER="example.com", MOST="3")
        archive = config.destinations["archive"]
        assert isinstance(archive, HttpDestinationConfig)
        assert archive.url == "https://example.com/in"
        assert archive.concurrency.max == 3
        assert archive.data == {"a": "${{inbox}}"}

    def test_a_value_from_the_environment_cannot_add_keys(self, tmp_path: Path) -> None:
        """Substitution happens after parsing."""
        config = loaded(tmp_path, inbox(done="${DONE}"), DONE="x\n    recursive: true")
        assert config.inboxes["receipts"].recursive is False

    def test_sections_with_everything_commented_out_keep_their_defaults(
        self, tmp_path: Path
    ) -> None:
        """`log:` with nothing below it is what remains after commenting its keys out."""
        config = loaded(tmp_path, GOOD + "log:\nmetrics:\nocr:\n")
        assert (config.log.format, config.metrics, config.ocr.engine) == ("json", None, "rapid")

    def test_anchors_and_merges_work(self, tmp_path: Path) -> None:
        """What two inboxes share can be written once."""
        config = loaded(
            tmp_path,
            "state: s\ninboxes:\n  a: &a {path: a/in, done: done, settle: 3s}\n"
            "  b: {<<: *a, path: b/in}\n",
        )
        assert config.inboxes["b"].settle == 3.0
        assert config.inboxes["b"].path == tmp_path / "b" / "in"

    def test_words_that_old_yaml_turns_into_truths_and_times_stay_words(
        self, tmp_path: Path
    ) -> None:
        """An inbox may be called `no`, and a field may say 12:30 or 2020-01-01."""
        config = loaded(
            tmp_path,
            "state: s\ninboxes: {no: {path: in}}\n"
            "destinations: {x: {type: http, url: https://e.com/, "
            "data: {at: 12:30, on: 2020-01-01}}}",
        )
        assert list(config.inboxes) == ["no"]
        found = config.destinations["x"]
        assert isinstance(found, HttpDestinationConfig)
        assert found.data == {"at": "12:30", "on": "2020-01-01"}

    def test_done_and_rejected_may_be_one_folder(self, tmp_path: Path) -> None:
        """The sidecar says which is which."""
        assert loaded(tmp_path, inbox(done="out", rejected="out"))

    def test_a_done_folder_inside_a_flat_inbox_is_fine(self, tmp_path: Path) -> None:
        """Only a recursive inbox would take its files in again."""
        config = loaded(tmp_path, inbox(done="inbox/done"))
        assert config.inboxes["receipts"].done_folder == tmp_path / "inbox" / "done"


class TestTheFileItself:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "the file is empty; config.example.yaml shows what fits"),
            ("# only this\n", "the file is empty; config.example.yaml shows what fits"),
            ("- a\n", "1:1: the file must hold keys such as `inboxes:`, one to a line"),
            ("a:\n\tb: 1\n", "2:1: a tab stands where only spaces may; indent with spaces"),
            (b"a: x\nb: \xff\n", "2:4: this is not UTF-8 text; save the file as UTF-8"),
            ("a: \0", "1: the character U+0000 is not allowed in YAML"),
            ("a: 'x\n", "2:1: a quote is opened and never closed"),
            ("a: *x\n", "1:4: an alias (*name) stands here that is not defined above"),
            ("a: &x [*x]\n", "1:4: a[1]: an alias leads back to itself"),
            ("a: 1\n---\nb: 1\n", "2:1: a second document begins here"),
            (
                "a: {b: ${X}/c}\n",
                "1:9: between brackets, put quotes around a value",
            ),
            ("a: [$", "1:6: a list or section in brackets is not closed above"),
            ("[" * 5000, "the file is nested too deeply"),
            ("x: 1\n" * 300_000, "it is larger than 1 MB"),
        ],
    )
    def test_what_is_not_yaml_is_said_plainly(
        self, tmp_path: Path, text: str | bytes, said: str
    ) -> None:
        """One sentence with the place, whatever the fault."""
        (only,) = complaints(tmp_path, text)
        assert only.startswith(said)

    def test_many_aliases_of_aliases_end_early(self, tmp_path: Path) -> None:
        """A few lines cannot fill the memory."""
        lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{f'*a{n - 1}, ' * 9}x]" for n in range(1, 12)]
        (only,) = complaints(tmp_path, "\n".join(lines))
        assert "multiplies too far" in only

    def test_a_missing_file_a_folder_and_an_odd_path(self, tmp_path: Path) -> None:
        """Each is named for what it is."""
        for path, said in (
            (tmp_path / "none.yaml", "there is no such file"),
            (tmp_path, "this is a folder"),
            (tmp_path / ("x" * 300), "it cannot be read: File name too long"),
            (tmp_path / "a\0b", "it cannot be read"),
        ):
            with pytest.raises(ConfigError, match=said):
                load(path)

    def test_an_unreadable_file(self, tmp_path: Path) -> None:
        """The user that lacks the rights is named."""
        path = written(tmp_path, GOOD)
        path.chmod(0)
        with without_rights(), pytest.raises(ConfigError, match="no rights to read it"):
            load(path)

    def test_a_key_that_stands_twice(self, tmp_path: Path) -> None:
        """Neither silently wins."""
        (only,) = complaints(tmp_path, GOOD + "state: other\n")
        assert only == "2:1: state: is given twice, here and on line 9; keep one of them"

    def test_an_unset_variable(self, tmp_path: Path) -> None:
        """It is an error, not an empty value."""
        (only,) = complaints(tmp_path, inbox(done="${NOWHERE}/done"))
        assert only.startswith("5:11: inboxes.receipts.done: ${NOWHERE} is not set")


class TestKeys:
    def test_all_problems_are_reported_at_once_in_the_order_of_the_file(
        self, tmp_path: Path
    ) -> None:
        """Nobody has to mend a file one error at a time."""
        found = complaints(
            tmp_path,
            "wokers: 3\nworkers: many\ninboxes:\n  r: {pth: in}\n"
            "destinations:\n  d: {type: fodler}\n",
            STATE_DIRECTORY="/s",
        )
        assert found == [
            "1:1: wokers: this key is not known here; did you mean workers?",
            "2:10: workers: write a whole number",
            "4:3: inboxes.r.path: is missing; it has to be given",
            "4:7: inboxes.r.pth: this key is not known here; did you mean path?",
            (
                "6:13: destinations.d.type: there is no destination type 'fodler'; "
                "did you mean folder?"
            ),
        ]

    @pytest.mark.parametrize(
        ("key", "value", "said"),
        [
            ("max_size", "25XB", "'25XB' has no unit of size; write it like 25MB"),
            ("max_size", "-5", "must be more than 0"),
            ("max_size", "0", "must be more than 0"),
            ("include", '[""]', "an empty pattern matches no name; write * for all names"),
            ("exclude", '[""]', "an empty pattern matches no name"),
            ("include", '["/sub/*.pdf"]', "paths begin at the inbox; write sub/*.pdf"),
            ("exclude", '["/"]', "paths begin at the inbox; write *"),
            ("max_size", "9" * 400, "is too large"),
            ("max_pixels", "4k", "write it like 100MP"),
            ("max_pages", "true", "true is not a whole number"),
            ("max_pages", "1.5", "1.5 is not a whole number"),
            ("max_pages", "0", "must be more than 0"),
            ("settle", "5", "5 has no unit; write it like 1s, 500ms or 24h"),
            ("settle", "99999d", "longer than ten years"),
            ("watch", "nativ", "'nativ' is not one of auto, native, polling; did you mean native?"),
            ("recursive", "maybe", "write true or false"),
            ("deliver", "archive", "write a list, such as [one, two]"),
            ("include", "[]", "the list is empty"),
            ("accept", "[image/jpg]", "image/jpg is properly called image/jpeg"),
            ("accept", "[jpeg]", "'jpeg' is not a media type; write it like image/png"),
            ("done", '""', "this must be a path"),
            ("done", r'"a\0b"', "this must be a path"),
            ("done", r'"a\ud800b"', "no file system takes"),
            ("done", "a" * 256, "longer than any path"),
            ("done", "ü/" * 2000, "longer than any path"),
            ("done", "!here x", "the tag !here is not known here"),
            ("max-size", "1MB", "did you mean max_size?"),
        ],
    )
    def test_a_bad_value_of_an_inbox(self, tmp_path: Path, key: str, value: str, said: str) -> None:
        """Line, column, key and what to write instead, and no word of the library's own."""
        (only,) = complaints(tmp_path, inbox(**{key: value}))
        where, _, message = only.partition(f" inboxes.receipts.{key}")
        assert where.startswith("5:")
        assert said in message
        assert "pydantic" not in only
        assert "http" not in only

    @pytest.mark.parametrize(
        ("key", "value", "said"),
        [
            ("url", "ftp://example.com", "the URL must begin with https:// or http://"),
            ("url", "https://u:p@example.com/", "is a secret in the file; use auth"),
            ("url", "https:///x", "the URL must name a server"),
            ("url", "https://e.com:x/", "this is not a URL"),
            ("url", "https://e.com/{nam}", "{nam} is not known"),
            ("url", "https://e.com/{name", "is not a template"),
            ("url", "https://e.com/a b", "percent-encoded"),
            ("url", "https://e.com/#a", "the part after # is never sent"),
            ("url", "https://müller.example/", "in ASCII: xn--mller-kva.example"),
            ("url", "https://a..ü/", "in ASCII: xn--..."),
            ("data", "{a: '{received:{x}}'}", "takes a format"),
            ("data", "{a: '{received:%Y%%/%Q}'}", "%Q is no part of a date"),
            ("data", "{a: 3}", "write text; put quotes around a number"),
            ("headers", "{'a b': x}", "'a b' cannot be the name of a header"),
            ("headers", '{a: "b\\nc"}', "a header holds one line of plain ASCII text"),
            ("headers", "{Content-Length: '3'}", "leave it out"),
            ("headers", "{X-Sum: '{sha265}'}", "{ } is one of inbox, job"),
            ("headers", """{X-Json: '{"a": 1}'}""", "{{ and }} for plain braces"),
            ("headers", "{Authorization: Bearer abc}", "this is a secret in the file; use auth"),
            ("auth", "{type: bearr}", "write type: and one of none, bearer, basic, digest,"),
            (
                "auth",
                "{token_file: x}",
                "write type: and one of none, bearer, basic, digest,",
            ),
            ("auth", "{type: bearer}", "the secret has no source; give exactly one of"),
            ("auth", "{type: bearer, token_file: a, token_env: B}", "the secret has 2 sources"),
            ("auth", "{type: basic, username: u, pasword_file: a}", "did you mean password_file?"),
            ("auth", "{type: bearer, token: abc}", "this key is not known here"),
            ("timeout", "{connect: 0}", "must be more than 0"),
            ("retry", "{attempts: 0}", "must be more than 0"),
            ("bandwidth", "10Mbit/s", "'10Mbit/s' is not a rate; write it like 10MB/s"),
            ("bandwidth", "10MB", "'10MB' is not a rate; write it like 10MB/s"),
            ("verify", "false", "add allow_insecure: true"),
            ("proxy", "'http://{inbox}.example.com'", "the URL must name a server"),
            ("proxy", "'http://proxy.example.com/{inbox}'", "one address for all files"),
        ],
    )
    def test_a_bad_value_of_an_http_destination(
        self, tmp_path: Path, key: str, value: str, said: str
    ) -> None:
        """A mistake is found before anything is sent."""
        keys = {"type": "http", "url": "https://example.com/in"} | {key: value}
        assert said in "\n".join(complaints(tmp_path, http(**keys)))

    @pytest.mark.parametrize(
        ("kind", "key", "value", "said"),
        [
            ("s3", "bucket", "my bucket", "'my bucket' is no bucket; its name has 3 to 63"),
            ("s3", "region", "Frankfurt am Main", "is no region; write it like eu-central-1"),
            ("s3", "part_size", "1MB", "must be 5242880 or more"),
            ("cloudinary", "cloud", "a/b", "'a/b' is no cloud; its name, which the console shows"),
        ],
    )
    def test_a_bad_name_at_a_provider(
        self, tmp_path: Path, kind: str, key: str, value: str, said: str
    ) -> None:
        """What a name looks like is told in words."""
        needed = {"s3": {"bucket": "receipts"}, "cloudinary": {"cloud": "c", "upload_preset": "p"}}
        (only,) = complaints(tmp_path, http(type=kind, **{**needed[kind], key: value}))
        assert said in only
        assert f"destinations.archive.{key}: " in only

    def test_a_destination_type_that_does_not_exist(self, tmp_path: Path) -> None:
        """A typing mistake is met with the nearest name that there is."""
        (only,) = complaints(tmp_path, http(type="webdaw"))
        assert "there is no destination type 'webdaw'; did you mean webdav?" in only

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("state: s\n", "inboxes: is missing; name at least one folder to watch"),
            ("state: s\ninboxes: {}\n", "inboxes: is missing"),
            ("state: s\ninboxes: 3\n", "inboxes: write a name and, indented below it, its keys"),
            ("state: s\ninboxes: {a b: {path: x}}\n", "a name has up to 64 letters"),
            ("state: s\ninboxes: {a: }\n", "inboxes.a: write keys below it, indented"),
            ("inboxes: {a: {path: x}}\n", "state: is missing; name a folder for the ledger"),
            (GOOD + "virus_scan: {clamd: localhost}\n", "is no address; write a path such as /run"),
            (GOOD + "virus_scan: {when_down: wait}\n", "clamd: is missing"),
            (GOOD + "ocr: {engine: rapit}\n", "there is no engine 'rapit'; did you mean rapid?"),
            (GOOD + "metrics: {listen: x}\n", "write it like 127.0.0.1:9180"),
            (
                GOOD.replace("type: folder, ", ""),
                "archive.type: is missing; known are cloudinary, folder, http, s3, tus, webdav",
            ),
            (
                GOOD.replace("[archive]", "[archiv]"),
                "no destination 'archiv'; did you mean archive?",
            ),
            (GOOD.replace("[archive]", "[archive, archive]"), "archive is named twice"),
        ],
    )
    def test_what_a_whole_configuration_lacks(self, tmp_path: Path, text: str, said: str) -> None:
        """Each sentence says what to do."""
        assert said in "\n".join(complaints(tmp_path, text))
