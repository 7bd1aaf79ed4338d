from __future__ import annotations

import os
import re
import socket
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from daemon.config.model import InboxConfig
from daemon.errors import EnvironmentFaultError, InboxdError, Kind, StoppedError
from daemon.validation import content as content_module
from daemon.validation.rules import Rules
from daemon.validation.validator import Validator, proving_pool
from daemon.validation.verdict import Verdict
from tests.rights import without_rights
from tests.validation import samples
from tests.validation.conftest import EVERYTHING, LIMITS, Inspect

DEFAULT = Rules.from_inbox(InboxConfig(path=Path("/inbox")))
CODES = Path(__file__).parents[2] / "docs" / "codes.md"


def code(verdict: Verdict) -> str | None:
    """The code of a refusal, or None."""
    return verdict.refusal.code if verdict.refusal else None


def notes(verdict: Verdict) -> dict[str, str]:
    """The checks that failed, with what they say."""
    return {check.check: check.detail for check in verdict.checks if not check.ok}


def details(verdict: Verdict) -> dict[str, str]:
    """All checks with what they say."""
    return {check.check: check.detail for check in verdict.checks}


GOOD = {
    "r.jpg": samples.encoded("JPEG"),
    "progressive.jpg": samples.encoded("JPEG", progressive=True),
    "cmyk.jpg": samples.encoded("JPEG", "CMYK"),
    "grey.jpeg": samples.encoded("JPEG", "L"),
    "phone.jpg": samples.many("MPO", 2),
    "deep.png": samples.encoded("PNG", "I;16"),
    "palette.png": samples.encoded("PNG", "P"),
    "alpha.png": samples.encoded("PNG", "RGBA"),
    "fax.tif": samples.many("TIFF", 5, "1", compression="group4"),
    "plain.tiff": samples.encoded("TIFF"),
    "big.tiff": samples.encoded("TIFF", big_tiff=True),
    "r.webp": samples.encoded("WEBP"),
    "lossless.webp": samples.encoded("WEBP", lossless=True),
    "r.heic": samples.heic(),
    "r.avif": samples.encoded("AVIF"),
    "r.gif": samples.many("GIF", 3),
    "r.bmp": samples.encoded("BMP"),
    "drawn.pdf": samples.pdf(pages=3),
    "scan.pdf": samples.encoded("PDF"),
    "late.pdf": b"\n" * 500 + samples.pdf(),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_files_are_accepted_and_proven(inspect: Inspect, name: str) -> None:
    """Every format that people scan and photograph in passes, with nothing to note."""
    verdict = inspect(GOOD[name], name)
    assert verdict.accepted
    assert verdict.size == len(GOOD[name])
    assert verdict.sha256 == sha256(GOOD[name]).hexdigest()
    assert notes(verdict) == {}
    assert {"type", "pages", "proof"} <= details(verdict).keys()


def test_pages_are_counted(inspect: Inspect) -> None:
    """Pages of a TIFF and a PDF, and the one page of a phone's JPEG with two pictures in it."""
    assert details(inspect(GOOD["fax.tif"]))["pages"] == "5"
    assert details(inspect(GOOD["drawn.pdf"]))["pages"] == "3"
    assert details(inspect(GOOD["phone.jpg"]))["pages"] == "1"
    assert details(inspect(GOOD["r.jpg"]))["pixels"] == "64 x 48"


def _cut(name: str) -> bytes:
    return GOOD[name][: len(GOOD[name]) * 2 // 3]


REFUSED: list[tuple[str, str, bytes]] = [
    ("empty", "r.jpg", b""),
    ("too_large", "r.bin", bytes(EVERYTHING.max_size + 1)),
    ("type_mismatch", "r.pdf", GOOD["r.jpg"]),
    ("type_mismatch", "r.exe", GOOD["r.jpg"]),
    ("type_mismatch", "r.jpg.exe", GOOD["r.jpg"]),
    ("type_mismatch", "r.jpg", GOOD["drawn.pdf"]),
    ("type_mismatch", "r.pdf", b"\x7fELF" + bytes(60)),
    ("type_mismatch", "r.png", b"<html><script>alert(1)</script></html>"),
    *[("truncated", name, _cut(name)) for name in GOOD if name != "late.pdf"],
    ("truncated", "head.jpg", GOOD["r.jpg"][:30]),
    ("truncated", "head.png", GOOD["deep.png"][:20]),
    ("truncated", "tail.png", GOOD["deep.png"][:-12]),
    ("truncated", "promise.png", samples.png_of(8, 8, before_data=b"\x7f\xff\xff\xfftEXt")),
    ("damaged", "flip.png", GOOD["alpha.png"].replace(b"IDATx", b"IDATy")),
    ("damaged", "marker.jpg", GOOD["r.jpg"].replace(b"\xff\xc0", b"\xff\xe5")),
    ("damaged", "loop.pdf", samples.looping_pdf()),
    ("damaged", "none.pdf", samples.pdf(pages=0)),
    ("damaged", "noise.pdf", b"%PDF-1.7\n" + bytes(range(256)) * 9 + b"%%EOF"),
    ("damaged", "lying.heic", samples.lying_heic(2000, 1000)),
    ("too_many_pixels", "flood.heic", samples.lying_heic(1 << 30, 64)),
    ("encrypted", "locked.pdf", samples.encrypted_pdf()),
    ("too_many_pages", "r.pdf", samples.pdf(pages=51)),
    ("too_many_pages", "r.tif", samples.tiff_of(51)),
    ("too_many_pages", "endless.tif", samples.tiff_of(30_000)),
    ("too_many_pages", "r.gif", samples.many("GIF", 51)),
    ("too_many_pixels", "flood.png", samples.png_of(100_000, 100_000)),
    ("too_many_pixels", "flood.webp", samples.huge_webp()),
    ("too_many_pixels", "flood.tif", samples.tiff_of(1, width=60_000, height=60_000)),
    ("too_many_pixels", "sum.pdf", samples.pdf(pages=50, media="[0 0 700 900]")),
    ("too_many_pixels", "wall.pdf", samples.pdf(media="[0 0 14400 14400]")),
    ("too_complex", "scans.jpg", samples.endless_scans_jpeg()),
    ("too_large_to_parse", "forms.pdf", samples.exploding_forms_pdf()),
]


@pytest.mark.parametrize(
    ("expected", "name", "content"), REFUSED, ids=[f"{row[0]}-{row[1]}" for row in REFUSED]
)
def test_bad_files_are_refused_with_their_code(
    inspect: Inspect, expected: str, name: str, content: bytes
) -> None:
    """Each way in which a file can be bad has its code, and a check that says it."""
    verdict = inspect(content, name)
    assert code(verdict) == expected
    assert verdict.refusal is not None
    assert verdict.refusal.kind is Kind.PERMANENT
    assert notes(verdict)


def test_what_the_inbox_does_not_take_is_refused(inspect: Inspect) -> None:
    """By default an inbox takes what receipts come as, and no unknown content."""
    assert code(inspect(GOOD["r.jpg"], "r.jpg", DEFAULT)) is None
    assert code(inspect(GOOD["r.gif"], "r.gif", DEFAULT)) == "type_not_accepted"
    assert code(inspect(os.urandom(4096), "r.pdf", DEFAULT)) == "type_not_accepted"


def test_what_is_no_file_is_refused_unread(validator: Validator, tmp_path: Path) -> None:
    """A link is not followed and a pipe is not waited for; the refusal names what it is."""
    (tmp_path / "target").write_bytes(GOOD["r.jpg"])
    (tmp_path / "link").symlink_to("target")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    found = {}
    with socket.socket(socket.AF_UNIX) as listener, _inside(tmp_path):
        listener.bind("socket")
        for name in ("link", "pipe", "folder", "socket"):
            path = os.fsencode(tmp_path / name)
            verdict = validator.inspect(path, name.encode(), EVERYTHING, threading.Event())
            assert code(verdict) == "not_a_regular_file"
            found[name] = details(verdict)["file"]
    assert found == {
        "link": "a symbolic link",
        "pipe": "a named pipe",
        "folder": "a folder",
        "socket": "a socket",
    }


class _inside:  # noqa: N801 - reads as a statement
    """Stay in a folder for a while, since the name of a socket must be short."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        self._before = Path.cwd()
        os.chdir(self._folder)

    def __exit__(self, *_: object) -> None:
        os.chdir(self._before)


def test_one_file_without_rights_is_refused_alone(validator: Validator) -> None:
    """A file that we may not read is its own affair; a folder that we may not enter is ours."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "r.jpg")
        path.write_bytes(GOOD["r.jpg"])
        path.chmod(0)
        Path(folder).chmod(0o755)

        def look() -> Verdict:
            name = os.fsencode(path)
            return validator.inspect(name, b"r.jpg", EVERYTHING, threading.Event())

        with without_rights():
            verdict = look()
        assert (code(verdict), verdict.size) == ("not_readable", len(GOOD["r.jpg"]))
        Path(folder).chmod(0)
        with without_rights(), pytest.raises(EnvironmentFaultError):
            look()
        Path(folder).chmod(0o755)


def test_every_code_of_the_table_is_reached(inspect: Inspect) -> None:
    """docs/codes.md lists just the refusals that these tests provoke."""
    section = CODES.read_text().partition("## Refusals of a file")[2].partition("\n## ")[0]
    documented = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    provoked = {row[0] for row in REFUSED}
    elsewhere = {
        "type_not_accepted",
        "not_a_regular_file",
        "not_readable",
        "hard_link",
        "link_file",
    }
    assert documented == provoked | elsewhere | {"virus_found", "not_scanned"}


def test_a_file_that_takes_too_long_is_refused(tmp_path: Path) -> None:
    """A parser that does not get done ends at its time limit, and the next file is proven."""
    limits = replace(LIMITS, prove_timeout=2.0)
    pool = proving_pool(limits, 1)
    try:
        slow = Validator(pool, limits)
        path = tmp_path / "slow.jpg"
        path.write_bytes(samples.endless_scans_jpeg(450, (5000, 5000)))
        verdict = slow.inspect(os.fsencode(path), b"slow.jpg", DEFAULT, threading.Event())
        assert code(verdict) == "too_complex"
        path.write_bytes(GOOD["r.jpg"])
        assert slow.inspect(os.fsencode(path), b"r.jpg", EVERYTHING, threading.Event()).accepted
    finally:
        pool.close()


def test_an_extension_of_the_same_kind_is_noted_only(inspect: Inspect) -> None:
    """A JPEG named .png is delivered, with a note."""
    verdict = inspect(GOOD["r.jpg"], "r.png", DEFAULT)
    assert verdict.accepted
    assert "image/jpeg" in notes(verdict)["extension"]


@pytest.mark.parametrize("name", ["r", "r.", "r.xyz", ".jpg", "r.jpg.", "r.JPG", "\udcff.jpg", "é"])
def test_an_odd_name_alone_is_never_refused(inspect: Inspect, name: str) -> None:
    """A name without an extension that we know says nothing about the content."""
    verdict = inspect(GOOD["r.jpg"], name, DEFAULT)
    assert verdict.accepted
    assert notes(verdict) == {}


def test_unknown_content_is_taken_where_everything_is(inspect: Inspect) -> None:
    """Content without a sign is held against no extension, and said to be unproven."""
    verdict = inspect(bytes(range(256)) * 16, "r.pdf")
    assert verdict.accepted
    assert verdict.media_type == "application/octet-stream"
    assert "not looked into" in details(verdict)["proof"]


def test_an_empty_file_may_be_allowed(inspect: Inspect) -> None:
    """Where empty files are allowed they pass whatever the inbox accepts."""
    verdict = inspect(b"", "r.jpg", replace(DEFAULT, allow_empty=True))
    assert verdict.accepted
    assert verdict.sha256 == sha256(b"").hexdigest()


@pytest.mark.parametrize("build", [samples.text_bomb_png, samples.profile_bomb_png])
def test_a_picture_is_not_lost_over_its_metadata(
    inspect: Inspect, build: Callable[[], bytes]
) -> None:
    """A text or profile that unpacks to gigabytes is left unread and noted."""
    verdict = inspect(build(), "r.png")
    assert verdict.accepted
    assert "left unread" in notes(verdict)["metadata"]


def test_many_pages_on_one_strip_count_together(inspect: Inspect) -> None:
    """Each page is within bounds, but not all of them together."""
    assert code(inspect(samples.tiff_of(1, width=8, height=8))) is None
    verdict = inspect(samples.many("TIFF", 45), "r.tif", replace(EVERYTHING, max_pixels=352))
    assert code(verdict) == "too_many_pixels"
    assert "together" in notes(verdict)["proof"]


@pytest.mark.parametrize(
    ("what", "action"),
    [
        ("JavaScript", b"<</S/JavaScript/JS(app.alert\\(1\\))>>"),
        ("launch actions", b"<</S/Launch/F(cmd.exe)>>"),
    ],
)
def test_active_content_is_flagged_and_not_refused(
    inspect: Inspect, what: str, action: bytes
) -> None:
    """A document that could act on its reader's machine is delivered, with a note."""
    verdict = inspect(samples.pdf(action), "r.pdf")
    assert verdict.accepted
    assert what in notes(verdict)["active_content"]


@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("JavaScript", samples.pdf(b"<</S/J#61v#61Script/JS(app.alert\\(1\\))>>")),
        ("launch actions", samples.packed_objects_pdf(b"<</S/Launch/F(cmd.exe)>>")),
        ("JavaScript", samples.packed_objects_pdf(b"<</S/JavaScript/JS(1)>>")),
        ("JavaScript", samples.packed_objects_pdf(b"<</S/JavaScript>>", kind=b"/Obj#53tm")),
        ("JavaScript", samples.packed_objects_pdf(b"<</S/JavaScript>>", packed=False)),
        ("packed objects", samples.packed_objects_pdf(b"<</S/URI>>", filters=b"/LZWDecode")),
        ("embedded files", samples.pdf(b"<</Type/Filespec/F(a.exe)/EF<</F 5 0 R>>>>")),
        ("embedded files", samples.pdf(b"<</Type/Filespec/F(a.exe)/EF 5 0 R>>")),
        ("embedded files", samples.pdf(b"<</Type/Annot/Subtype/FileAttachment/FS 5 0 R>>")),
    ],
)
def test_active_content_does_not_hide(inspect: Inspect, what: str, content: bytes) -> None:
    """Neither in escaped names nor in packed object streams; what cannot be looked into is said."""
    verdict = inspect(content, "r.pdf")
    assert verdict.accepted
    assert what in notes(verdict)["active_content"]


def test_a_document_without_pages_is_not_called_locked_after_one_that_is(inspect: Inspect) -> None:
    """PDFium gives no reason for it, and keeps the one it gave for the document before."""
    assert code(inspect(samples.encrypted_pdf(), "r.pdf")) == "encrypted"
    assert code(inspect(samples.assembled([b"<</Type/Catalog>>"]), "r.pdf")) == "damaged"


@pytest.mark.parametrize("end", ["without its end", "with half a change"])
def test_a_document_that_readers_make_do_with_is_cut_off_all_the_same(
    inspect: Inspect, end: str
) -> None:
    """They would show it as it was before the change, or as if nothing were missing."""
    whole = samples.pdf()
    assert inspect(whole + b"\n<!-- sent by a gateway -->", "r.pdf").accepted
    cut = whole[:-3] if end == "without its end" else whole + b"3 0 obj\n<</Type/Page/Cont"
    assert code(inspect(cut, "r.pdf")) == "truncated"


@pytest.mark.parametrize(
    ("name", "added", "said"),
    [
        ("r.jpg", samples.archive(), "also a ZIP archive"),
        ("drawn.pdf", samples.archive(), "also a ZIP archive"),
        ("r.gif", b"<script>alert(1)</script>", "also a web page or script"),
        ("alpha.png", b"<?php system('id'); ?>", "also a web page or script"),
    ],
)
def test_what_is_two_things_at_once_is_noted(
    inspect: Inspect, name: str, added: bytes, said: str
) -> None:
    """A picture that other programs take for something else is delivered as it is, with a note."""
    assert said in notes(inspect(GOOD[name] + added, name))["polyglot"]


def test_a_hard_link_to_anothers_file_is_refused(validator: Validator, tmp_path: Path) -> None:
    """Who may not read a file can make a name for it; files of ours may have two names."""
    path = tmp_path / "r.jpg"
    path.write_bytes(GOOD["r.jpg"])
    (tmp_path / "elsewhere").hardlink_to(path)

    def look(owners: frozenset[int] | None) -> str | None:
        rules = replace(EVERYTHING, owners=owners)
        return code(validator.inspect(bytes(path), b"r.jpg", rules, threading.Event()))

    assert look(frozenset({os.geteuid()})) is None
    assert look(None) is None
    assert look(frozenset({4711})) == "hard_link"
    (tmp_path / "elsewhere").unlink()
    assert look(frozenset({4711})) is None


def test_a_document_that_lies_about_its_pages_is_counted(inspect: Inspect) -> None:
    """The number of pages is what is there, not what is claimed."""
    verdict = inspect(samples.lying_pdf(), "r.pdf")
    assert verdict.accepted
    assert details(verdict)["pages"] == "1"


def test_a_large_file_is_hashed_in_blocks(inspect: Inspect) -> None:
    """Content beyond one block is hashed whole, and its type judged by both ends."""
    content = bytes(range(256)) * 4096 + b"end"
    assert inspect(content, "r.bin").sha256 == sha256(content).hexdigest()


def test_hashing_ends_when_told(validator: Validator, tmp_path: Path) -> None:
    """A stop in the middle of a large file is noticed at the next block."""
    path = tmp_path / "large"
    path.write_bytes(bytes(4 << 20))
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        validator.inspect(os.fsencode(path), b"large", EVERYTHING, stop)


def test_a_file_that_changes_under_the_hash_is_no_verdict(
    validator: Validator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Content that is written to while it is read is looked at again later."""
    path = tmp_path / "growing"
    path.write_bytes(b"once")

    def hash_and_write(data: bytes) -> object:
        with path.open("ab") as file:
            file.write(b"more")
        return sha256(data)

    monkeypatch.setattr(content_module, "sha256", hash_and_write)
    with pytest.raises(InboxdError) as caught:
        validator.inspect(os.fsencode(path), b"growing", EVERYTHING, threading.Event())
    assert (caught.value.code, caught.value.kind) == ("changed", Kind.TRANSIENT)


def test_a_file_that_is_gone_is_no_verdict(validator: Validator, tmp_path: Path) -> None:
    """What was taken away before we came is not a fault of the file or of ours."""
    with pytest.raises(InboxdError) as caught:
        validator.inspect(os.fsencode(tmp_path / "gone"), b"gone", EVERYTHING, threading.Event())
    assert (caught.value.code, caught.value.kind) == ("vanished", Kind.TRANSIENT)


SEEDS = [GOOD[name] for name in ("r.jpg", "alpha.png", "fax.tif", "r.webp", "r.heic", "scan.pdf")]


@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_damage_at_random_always_ends_in_a_verdict(inspect: Inspect, data: st.DataObject) -> None:
    """However good files are cut and flipped, there is a verdict and the next file gets one too."""
    content = bytearray(data.draw(st.sampled_from(SEEDS)))
    places = st.integers(0, len(content) - 1)
    for place in data.draw(st.lists(places, max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(content)), places))
    verdict = inspect(bytes(content[:cut]), "file")
    assert verdict.accepted or code(verdict) in {row[0] for row in REFUSED}


@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.sampled_from([b"", b"\xff\xd8\xff", b"%PDF-1.4", b"II*\0", b"MM\0+", b"PK\3\4", b"GIF89a"]),
    st.binary(max_size=300),
    st.text(max_size=12),
)
@example(b"", b"\0", "r.jpg")
def test_noise_always_ends_in_a_verdict(
    inspect: Inspect, start: bytes, noise: bytes, name: str
) -> None:
    """Bytes without a meaning, under any name, are judged like everything else."""
    encoded = name.encode("utf-8", "surrogateescape" if name.isprintable() else "replace")
    verdict = inspect(start + noise, encoded.decode("utf-8", "surrogateescape"))
    assert verdict.accepted or verdict.refusal is not None
