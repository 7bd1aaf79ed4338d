"""The names of originals and sidecars where they end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.jobs.model import new_id
from daemon.sidecar.names import plain_name, sidecar_name, target_name

JOB = "0190f0aa-1111-7222-8333-4444aabbccdd"
OTHER = "0190f0aa-1111-7222-8333-4444aabbccde"
NAMES = st.one_of(
    st.binary(min_size=1, max_size=255),
    st.text(min_size=1, max_size=255).map(
        lambda text: text.encode("utf-8", "ignore")[:255].decode(errors="ignore").encode()
    ),
).filter(lambda name: b"/" not in name and b"\0" not in name and name not in (b"", b".", b".."))


def test_an_ordinary_name_keeps_its_sidecar_beside_it() -> None:
    """A person finds the JSON of a file without asking."""
    assert sidecar_name(b"r.jpg", JOB) == b"r.jpg.json"
    assert sidecar_name("Käse 1.jpg".encode(), JOB) == "Käse 1.jpg.json".encode()


def test_a_name_that_is_not_utf8_is_escaped_with_the_tail_of_the_job() -> None:
    """The sidecar's own name can be read everywhere."""
    assert sidecar_name(b"caf\xe9.jpg", JOB) == b"caf\\xe9.jpg~4444aabbccdd.json"


def test_a_name_that_is_too_long_is_cut_between_characters() -> None:
    """No half character is left at the end."""
    name = ("é" * 127).encode()
    found = sidecar_name(name, JOB)
    assert found == ("é" * 118).encode() + b"~4444aabbccdd.json"


@given(NAMES)
def test_a_sidecar_name_always_fits_and_is_text(name: bytes) -> None:
    """Whatever the original is called."""
    found = sidecar_name(name, JOB)
    assert len(found) <= 255
    assert found.decode().endswith(".json")
    assert b"/" not in found


@given(NAMES)
def test_two_jobs_never_meet_in_a_shortened_name(name: bytes) -> None:
    """Where the name alone does not tell them apart, the job does."""
    if sidecar_name(name, JOB) != name + b".json":
        assert sidecar_name(name, JOB) != sidecar_name(name, OTHER)


def test_a_free_name_is_kept() -> None:
    """Nothing is renamed without need."""
    assert target_name(b"scan.pdf", JOB, set().__contains__) == b"scan.pdf"


def test_a_taken_name_gets_the_tail_before_its_extension() -> None:
    """The kind of file stays visible."""
    assert target_name(b"scan.pdf", JOB, {b"scan.pdf"}.__contains__) == b"scan~4444aabbccdd.pdf"


def test_a_name_whose_sidecar_would_meet_another_file_is_taken_too() -> None:
    """A file called a.json is not overwritten by the sidecar of a."""
    assert target_name(b"a", JOB, {b"a.json"}.__contains__) == b"a~4444aabbccdd"


@given(NAMES, st.integers(0, 6))
def test_a_target_is_always_found_free_and_fits(name: bytes, refusals: int) -> None:
    """However many names are taken already."""
    taken: set[bytes] = set()
    for _ in range(refusals):
        taken.add(target_name(name, JOB, taken.__contains__))
    found = target_name(name, JOB, taken.__contains__)
    assert found not in taken
    assert len(found) <= 255
    assert b"/" not in found


def test_ids_that_sort_by_time_differ_in_their_tails() -> None:
    """The tail is the random part of the id."""
    tails = {sidecar_name(b"\xff", new_id()) for _ in range(50)}
    assert len(tails) == 50


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        (b"scan.pdf", b"scan.pdf"),
        ("Käse & Brot (2).pdf".encode(), "Käse & Brot (2).pdf".encode()),
        (b"2024-01-01T10:30:00.pdf", b"2024-01-01T10_30_00.pdf"),
        (b'<a>|"b"?*\\c.pdf', b"_a___b____c.pdf"),
        (b"end. .", b"end_"),
        (b"...", b"_"),
        (b"a\tb", b"a_tb"),
        (b"\xff.pdf", b"_xff.pdf"),
        (b"CON", b"_CON"),
        (b"lpt1.pdf", b"_lpt1.pdf"),
        (b"console.pdf", b"console.pdf"),
    ],
)
def test_a_plain_name_is_one_on_disks_of_other_systems(name: bytes, plain: bytes) -> None:
    """What FAT, exFAT and NTFS take stays as it is."""
    assert plain_name(name) == plain


@given(st.binary(min_size=1, max_size=255).filter(lambda name: not {0, 47} & set(name)))
def test_a_plain_name_is_a_name(name: bytes) -> None:
    """It is never empty or too long, and stays as it is when it is made plain again."""
    plain = plain_name(name)
    assert 0 < len(plain) <= 255
    assert plain not in (b".", b"..")
    assert plain_name(plain) == plain
