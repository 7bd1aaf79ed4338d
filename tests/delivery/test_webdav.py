"""A WebDAV share gets whole files under names of their own, and its troubles are its own."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest
from pydantic import ValidationError

from daemon.config.destinations import WebdavDestinationConfig
from daemon.delivery.destination import Abandoning, Finding, ForgetfulResume, Parcel
from daemon.delivery.webdav.destination import WebdavDestination
from daemon.errors import DeliveryError, Kind, StoppedError
from tests.delivery.contract import deliver, failed
from tests.delivery.parcels import JOB, parcel_of, write
from tests.delivery.proxy import Passing, answer, cut, swallow
from tests.delivery.servers import Servers
from tests.delivery.webdav_sides import ShareSide, share_on, start_rclone, start_wsgidav
from tests.exchange import Exchange
from tests.receiver import Receiver, Reply, status
from tests.waiting import wait_until

LARGE = 200_000
KINDS = {"rclone": start_rclone, "wsgidav": start_wsgidav}


@pytest.fixture(params=list(KINDS))
def side(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path) -> Iterator[ShareSide]:
    """A share on a real server, one that keeps folders in mind and one that does not."""
    yield from share_on(KINDS[request.param](servers), tmp_path)


def large(folder: Path, content: bytes | None = None) -> Parcel:
    """A parcel that is looked at after it was sent."""
    return parcel_of(write(folder, content or os.urandom(LARGE)))


def test_folders_are_made(side: ShareSide, tmp_path: Path) -> None:
    """Folders that the name asks for are made once."""
    destination = side.destination(name="{inbox}/{received:%Y/%m}/{name}")
    parcel = parcel_of(write(tmp_path, b"content"))
    first = deliver(destination, parcel)
    deliver(destination, replace(parcel, name="other.jpg", idempotency_key="other"))
    assert first.location == side.url + "receipts/2026/11/receipt.jpg"
    assert sorted(path.name for path in (side.path / "receipts/2026/11").iterdir()) == [
        "other.jpg",
        "receipt.jpg",
    ]
    made = [passed for passed in side.proxy.requests if passed.method == "MKCOL"]
    assert [passed.status for passed in made].count(201) == 3


def test_threads_make_the_same_folders(side: ShareSide, tmp_path: Path) -> None:
    """Several that need a folder at the same time all get it."""
    destination = side.destination(name="{inbox}/{received:%Y/%m/%d}/{name}")
    failures = []

    def one(number: int) -> None:
        parcel = parcel_of(
            write(tmp_path, b"%d" % number, f"{number}"), f"{number}", key=f"{number}"
        )
        try:
            deliver(destination, parcel)
        except DeliveryError as error:
            failures.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert sorted(kept.name for kept in side.kept()) == [f"{number}" for number in range(8)]


def test_a_server_that_is_down_is_not_taken_for_one_that_keeps_something(
    side: ShareSide, tmp_path: Path
) -> None:
    """Hours of attempts at a server that is busy or gone leave nothing to remember."""
    parcel = parcel_of(write(tmp_path, b"x"))
    destination = side.destination()
    side.proxy.always = answer(503)
    failed(destination, parcel)
    side.proxy.close()
    failed(destination, parcel)
    assert parcel.resume.load() == {}


def test_folders_that_were_removed_are_made_again(servers: Servers, tmp_path: Path) -> None:
    """A folder that somebody takes away costs one attempt."""
    for side in share_on(start_wsgidav(servers), tmp_path):
        destination = side.destination(name="a/b/{name}")
        parcel = parcel_of(write(tmp_path, b"content"))
        deliver(destination, parcel)
        shutil.rmtree(side.path / "a")
        error = failed(destination, parcel)
        assert (error.code, error.kind) == ("target_missing", Kind.TRANSIENT)
        deliver(destination, parcel)
        assert (side.path / "a/b/receipt.jpg").read_bytes() == b"content"


@pytest.mark.parametrize("size", [7, LARGE])
def test_taken_name_gets_a_tail(side: ShareSide, tmp_path: Path, size: int) -> None:
    """Other content of the same size is left alone; ours gets the job's tail, and keeps it."""
    other = parcel_of(write(tmp_path, os.urandom(size), "other"), key="other")
    parcel = parcel_of(write(tmp_path, os.urandom(size)))
    destination = side.destination()
    deliver(destination, other)
    location = deliver(destination, parcel).location
    assert location == side.url + f"receipt-{JOB[-8:]}.jpg"
    assert deliver(destination, parcel).location == location
    assert sorted(side.digests()) == sorted([other.sha256, parcel.sha256])


def test_every_name_taken(side: ShareSide, tmp_path: Path) -> None:
    """Where all names are taken the file fails for good, and nothing is left of it."""
    destination = side.destination()
    for number in range(3):
        deliver(destination, parcel_of(write(tmp_path, b"%d" % number), key=f"{number}"))
    before = side.kept()
    error = failed(destination, parcel_of(write(tmp_path, b"content")))
    assert (error.code, error.kind) == ("name_taken", Kind.PERMANENT)
    assert side.kept() == before


def test_a_large_file_is_not_sent_again_to_be_named(side: ShareSide, tmp_path: Path) -> None:
    """A lost answer to the last request costs no second upload, also over a restart."""
    parcel = large(tmp_path)
    for fault in (swallow, answer(503)):
        side.proxy.forget()
        destination = side.destination()
        side.proxy.at_method("MOVE", fault)
        renewed = replace(parcel, resume=ForgetfulResume(), name=f"{fault is swallow}.jpg")
        failed(destination, renewed)
        deliver(side.destination(), renewed)
        sent = sum(passed.sent for passed in side.proxy.requests if passed.method == "PUT")
        assert sent == LARGE
    assert side.digests() == [parcel.sha256] * 2


def test_a_whole_file_that_vanished_is_sent_again(side: ShareSide, tmp_path: Path) -> None:
    """What a server lost, or what is no longer what it was, is not taken for delivered."""
    parcel = large(tmp_path)
    temporary = side.url + ".inboxd-gone"
    parcel.resume.keep({"whole": temporary, "tag": '"1"'})
    deliver(side.destination(), parcel)
    assert side.digests() == [parcel.sha256]


def test_cancelled_upload_is_taken_away(side: ShareSide, tmp_path: Path) -> None:
    """What failed attempts left is removed when the delivery is given up, and forgotten."""
    parcel = large(tmp_path)
    destination = side.destination()
    assert isinstance(destination, Abandoning)
    for _ in range(2):
        side.proxy.at_body(LARGE, cut(LARGE // 2))
        failed(destination, parcel)
    assert len(parcel.resume.load()["left"]) == 2
    wait_until(lambda: len(side.kept()) == 2, "the halves that the server keeps")
    destination.abandon(parcel.resume)
    assert parcel.resume.load() == {}
    assert side.kept() == []


def test_stop_keeps_what_is_whole(side: ShareSide, tmp_path: Path) -> None:
    """A stop while the file is named leaves the upload for the next start."""
    parcel = large(tmp_path)
    stop = threading.Event()

    def stop_then_hold(passing: Passing) -> None:
        stop.set()
        passing.hold()

    side.proxy.at_method("MOVE", stop_then_hold)
    with pytest.raises(StoppedError):
        side.destination().deliver(parcel, lambda _: None, stop)
    side.proxy.forget()
    deliver(side.destination(), parcel)
    assert side.digests() == [parcel.sha256]
    assert [passed for passed in side.proxy.requests if passed.method == "PUT"] == []


def test_benchmark_cleans_up(side: ShareSide, tmp_path: Path) -> None:
    """A delivered file can be taken away again."""
    destination = side.destination()
    acknowledgement = deliver(destination, parcel_of(write(tmp_path, b"x")))
    assert destination.discard(acknowledgement)
    assert side.kept() == []


def test_wrong_password(side: ShareSide, tmp_path: Path) -> None:
    """A refused password fails for good; check names it."""
    wrong = write(tmp_path, b"wrong", "wrong")
    destination = side.destination(auth={**side.auth, "password_file": str(wrong)})
    error = failed(destination, parcel_of(write(tmp_path, b"x")))
    assert (error.code, error.kind) == ("auth_refused", Kind.PERMANENT)
    assert failing(destination) == ["auth"]
    assert side.kept() == []


def test_folder_that_is_not_there(side: ShareSide, tmp_path: Path) -> None:
    """The folders of the address are made too, by the first file and not by a check."""
    destination = side.destination(url=side.url + "not/yet")
    assert failing(destination) == []
    assert any("not there yet" in finding.message for finding in destination.check())
    assert not (side.path / "not").exists()
    made = deliver(destination, parcel_of(write(tmp_path, b"x")))
    assert made.location == side.url + "not/yet/receipt.jpg"
    assert (side.path / "not/yet/receipt.jpg").read_bytes() == b"x"
    assert any("the folder is there" in finding.message for finding in destination.check())


def test_folder_with_a_space_in_its_name(side: ShareSide, tmp_path: Path) -> None:
    """What takes files passes its check, whatever must be percent-encoded in the address."""
    destination = side.destination(url=side.url + "in%20tray%c3%a9/")
    assert failing(destination) == []
    deliver(destination, parcel_of(write(tmp_path, b"x")))
    assert (side.path / "in tray\u00e9/receipt.jpg").read_bytes() == b"x"
    assert failing(destination) == []


def test_folder_that_is_looked_for_once(side: ShareSide, tmp_path: Path) -> None:
    """A share that is there costs one question, not one for each file."""
    destination = side.destination()
    side.proxy.forget()
    for number in range(3):
        deliver(destination, parcel_of(write(tmp_path, b"x"), f"{number}.jpg", key=f"{number}"))
    methods = [passed.method for passed in side.proxy.requests if passed.status != 401]
    assert methods.count("PROPFIND") == 1
    assert "MKCOL" not in methods


@pytest.mark.parametrize("reply", [403, 405, 501, 200])
def test_share_that_nobody_may_look_into(tmp_path: Path, reply: int) -> None:
    """Where files may only be put no folder is made, and the file is put."""
    with Receiver(otherwise=by_method(PROPFIND=status(reply))) as receiver:
        destination = scripted(receiver)
        deliver(destination, parcel_of(write(tmp_path, b"x")))
        destination.close()
        assert [asked.method for asked in receiver.requests] == ["PROPFIND", "PUT", "MOVE"]


@pytest.mark.parametrize("size", [1, 200_000])
def test_login_page_is_no_share(tmp_path: Path, size: int) -> None:
    """What says yes to everything with a page for people has taken nothing."""
    page = status(200, b"<!DOCTYPE html><title>Log in</title>")
    with Receiver(otherwise=page) as receiver:
        destination = scripted(receiver)
        error = failed(destination, parcel_of(write(tmp_path, b"x" * size)))
        destination.close()
    assert (error.code, error.kind) == ("answer_broken", Kind.TRANSIENT)
    assert "does not speak WebDAV" in error.message


def test_address_below_which_nothing_can_be_made(tmp_path: Path) -> None:
    """A server that has no folder on the way fails the attempt, and the check."""
    with Receiver(otherwise=by_method(PROPFIND=status(404), MKCOL=status(409))) as receiver:
        destination = scripted(receiver, url=receiver.url + "a/b/c")
        error = failed(destination, parcel_of(write(tmp_path, b"x")))
        assert (error.code, error.kind) == ("target_missing", Kind.TRANSIENT)
        assert failing(destination) == ["place"]
        destination.close()
        made = [asked.path for asked in receiver.requests if asked.method == "MKCOL"]
    assert made == ["/a/b/c/", "/a/b/", "/a/", "/"]


def test_check_names_all_that_works(side: ShareSide) -> None:
    """A check of a good share speaks of the folder and our rights."""
    subjects = [finding.subject for finding in side.destination().check()]
    assert subjects[:2] == ["dns", "tcp"]
    assert {"place", "rights"} <= set(subjects)


def by_method(**replies: Reply) -> Reply:
    """Answers each method in its own way, others with 201."""

    def reply(exchange: Exchange) -> None:
        replies.get(exchange.method, status(201))(exchange)

    return reply


def told(found: bytes = b"<D:resourcetype><D:collection/></D:resourcetype>") -> Reply:
    """A 207 answer with some properties."""
    return status(
        207,
        b'<D:multistatus xmlns:D="DAV:"><D:response><D:propstat><D:prop>'
        + found
        + b"</D:prop></D:propstat></D:response></D:multistatus>",
    )


def scripted(receiver: Receiver, **options: object) -> WebdavDestination:
    config = {"type": "webdav", "url": receiver.url + "in", **options}
    return WebdavDestination("share", WebdavDestinationConfig.model_validate(config))


def failing(destination: WebdavDestination) -> list[str]:
    findings = destination.check()
    return [finding.subject for finding in findings if not finding.ok]


@pytest.mark.parametrize(
    ("replies", "subject", "said"),
    [
        ({"PROPFIND": status(200, b"<html/>")}, "place", "does not speak WebDAV"),
        ({"PROPFIND": status(405)}, "place", "no WebDAV"),
        ({"PROPFIND": told(b"<D:resourcetype/>")}, "place", "no folder"),
        ({"PROPFIND": status(403)}, "rights", "does not allow"),
        ({"PUT": status(403)}, "rights", "does not allow"),
        ({"PUT": status(401)}, "auth", "check `auth`"),
        ({"PUT": status(507)}, "quota", "make room"),
        ({"DELETE": status(403)}, "rights", "does not allow"),
        ({"PROPFIND": status(401)}, "auth", "check `auth`"),
        (
            {
                "PROPFIND": told(
                    b"<D:resourcetype><D:collection/></D:resourcetype>"
                    b"<D:quota-available-bytes>1000</D:quota-available-bytes>"
                )
            },
            "quota",
            "only 1000 bytes",
        ),
    ],
)
def test_check_tells_troubles_apart(replies: dict[str, Reply], subject: str, said: str) -> None:
    """Address, rights, password and room each have their own finding, with advice."""
    with Receiver(otherwise=by_method(**{"PROPFIND": told(), **replies})) as receiver:
        destination = scripted(receiver)
        bad = [finding for finding in destination.check() if not finding.ok]
        destination.close()
    assert [finding.subject for finding in bad] == [subject]
    assert said in bad[0].message


def test_check_tells_the_room() -> None:
    """Where a server knows its quota, what is left of it is told."""
    room = told(
        b"<D:resourcetype><D:collection/></D:resourcetype>"
        b"<D:quota-available-bytes>5000000000</D:quota-available-bytes>"
    )
    with Receiver(otherwise=by_method(PROPFIND=room)) as receiver:
        destination = scripted(receiver)
        findings = destination.check()
        destination.close()
    assert Finding("quota", True, "5000 MB are free") in findings


def test_a_server_that_goes_by_another_name(tmp_path: Path) -> None:
    """Behind a gateway that changes scheme or host, a MOVE names its target without them."""
    moves = []

    def move(exchange: Exchange) -> None:
        moves.append(exchange.headers["destination"])
        exchange.read_body()
        exchange.answer(502 if moves[-1].startswith("http") else 201)

    with Receiver(otherwise=by_method(MOVE=move)) as receiver:
        destination = scripted(receiver)
        for number in range(2):
            deliver(destination, parcel_of(write(tmp_path, b"x"), f"{number}.jpg"))
        destination.close()
    assert moves == [receiver.url + "in/0.jpg", "/in/0.jpg", "/in/1.jpg"]


@pytest.mark.parametrize(
    ("look", "code"), [(None, None), (status(404), "auth_refused")], ids=["there", "not there"]
)
def test_a_folder_that_cannot_be_made(tmp_path: Path, look: Reply | None, code: str | None) -> None:
    """A 403 is fine where somebody else has just made the folder, as Apache answers then."""
    replies = {"MKCOL": status(403), "PROPFIND": look or told()}
    with Receiver(otherwise=by_method(**replies)) as receiver:
        destination = scripted(receiver, name="made/{name}")
        try:
            deliver(destination, parcel_of(write(tmp_path, b"x")))
            met = None
        except DeliveryError as error:
            met = error.code
        destination.close()
    assert met == code


def test_a_server_that_keeps_less_than_it_took(tmp_path: Path) -> None:
    """A large file whose size differs on the server is not given its name."""
    short = told(b"<D:getcontentlength>5</D:getcontentlength>")
    with Receiver(otherwise=by_method(PROPFIND=short)) as receiver:
        destination = scripted(receiver)
        error = failed(destination, large(tmp_path))
        destination.close()
        assert "MOVE" not in [request.method for request in receiver.requests]
    assert (error.code, error.kind) == ("upload_lost", Kind.TRANSIENT)


@pytest.mark.parametrize(
    ("url", "name", "expected"),
    [
        ("{inbox}/{received:%Y/%m}", "{name}", "receipts/2026/11/receipt.jpg"),
        ("ab/x{inbox}%20%2Dy/", "{size}{suffix}", "ab/xreceipts -y/1.jpg"),
        ("a/{received:%Y}", "{inbox}/", "a/2026/receipts/receipt.jpg"),
    ],
)
def test_address_is_a_template(
    side: ShareSide, tmp_path: Path, url: str, name: str, expected: str
) -> None:
    """What varies of an address is made of the file, as everywhere."""
    destination = side.destination(url=side.url + url, name=name)
    assert failing(destination) == []
    location = deliver(destination, parcel_of(write(tmp_path, b"x"))).location
    assert unquote(str(location)) == side.url + expected
    assert (side.path / expected).read_bytes() == b"x"


def test_address_with_a_query() -> None:
    """A folder has none."""
    with pytest.raises(ValidationError, match="that of a folder"):
        WebdavDestinationConfig.model_validate({"type": "webdav", "url": "https://a.example/?x=y"})
