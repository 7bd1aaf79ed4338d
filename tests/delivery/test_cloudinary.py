"""The cloudinary destination signs, names, sends chunks and understands as the vendor documents."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from daemon.config.destinations import CloudinaryDestinationConfig
from daemon.delivery.cloudinary import api as cloudinary_api
from daemon.delivery.cloudinary.destination import CloudinaryDestination
from daemon.delivery.destination import Acknowledgement, Finding, Parcel
from daemon.errors import ConfigError, DeliveryError, Kind
from daemon.jobs.model import State
from tests.delivery.cloudinary_receiver import CLOUD, KEY, PRESET, SECRET, CloudinaryReceiver
from tests.delivery.parcels import JOB, Watched, never, parcel_of, write
from tests.running import Daemon

CONTENT = b"content of a picture"
UNSIGNED = {"upload_preset": PRESET}
SIGNED = {"api_key": KEY, "api_secret_env": "SECRET"}


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", SECRET)


@pytest.fixture
def receiver() -> Iterator[CloudinaryReceiver]:
    with CloudinaryReceiver() as made:
        yield made


@pytest.fixture
def parcel(tmp_path: Path) -> Parcel:
    return parcel_of(write(tmp_path, CONTENT))


def config(url: object = "http://127.0.0.1:9", **options: object) -> CloudinaryDestinationConfig:
    base = {"type": "cloudinary", "cloud": CLOUD, "endpoint": url}
    return CloudinaryDestinationConfig.model_validate({**base, **options})


def deliver(receiver: CloudinaryReceiver, parcel: Parcel, **options: object) -> Acknowledgement:
    """One attempt of a daemon that has just begun and knows nothing but what was kept."""
    destination = CloudinaryDestination("cdn", config(receiver.url, **options))
    try:
        return destination.deliver(parcel, lambda _: None, never())
    finally:
        destination.close()


def failed(receiver: CloudinaryReceiver, parcel: Parcel, **options: object) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        deliver(receiver, parcel, **options)
    return caught.value


class TestUnsigned:
    def test_fields(self, receiver: CloudinaryReceiver, parcel: Parcel) -> None:
        """The preset and the names go along, nothing that an unsigned upload may not have."""
        deliver(receiver, parcel, **UNSIGNED, asset_folder="{inbox}/{received:%Y}")
        assert receiver.forms[0].fields == {
            "upload_preset": PRESET,
            "asset_folder": "receipts/2026",
            "public_id": parcel.sha256,
        }
        assert receiver.forms[0].path == f"/v1_1/{CLOUD}/auto/upload"

    def test_answer(self, receiver: CloudinaryReceiver, parcel: Parcel) -> None:
        """The secure address and the facts of the asset are kept, a token to delete it is not."""
        got = deliver(receiver, parcel, **UNSIGNED)
        address = f"https://res.cloudinary.com/{CLOUD}/image/upload/v1/{parcel.sha256}"
        assert (got.location, got.http_status, got.bytes) == (address, 200, len(CONTENT))
        assert got.response["public_id"] == parcel.sha256
        assert got.response["bytes"] == len(CONTENT)
        assert got.response["version"] == 1
        assert "canary" not in str(got.response)

    @pytest.mark.parametrize("body", [b"<html>Log in</html>", b"{}", b'{"public_id": 7}', b""])
    def test_a_login_page(self, receiver: CloudinaryReceiver, parcel: Parcel, body: bytes) -> None:
        """A success that says nothing of an asset is none."""
        receiver.instead(200, body=body)
        error = failed(receiver, parcel, **UNSIGNED)
        assert (error.code, error.kind) == ("protocol_broken", Kind.TRANSIENT)


class TestSigned:
    def test_the_vendors_example(self) -> None:
        """The signature is the one that the vendor's documentation computes."""
        fields = {"public_id": "sample_image", "timestamp": "1315060510"}
        assert (
            cloudinary_api.signature(fields, "abcd", "sha1")
            == "b4ad47fb4e25c7bf5f92a20089f9db59bc302313"
        )

    @pytest.mark.parametrize(("algorithm", "length"), [("sha1", 40), ("sha256", 64)])
    def test_either_algorithm(
        self, receiver: CloudinaryReceiver, parcel: Parcel, algorithm: str, length: int
    ) -> None:
        """What is signed is what is sent, with names that need it made tidy first."""
        odd = replace(parcel, name="a&b=c?ä #1.jpg")
        deliver(receiver, odd, **SIGNED, signature=algorithm, public_id="{name}", folder="{inbox}")
        assert receiver.contents == [CONTENT]
        assert len(receiver.forms[0].fields["signature"]) == length

    def test_the_secret_stays_here(self, receiver: CloudinaryReceiver, parcel: Parcel) -> None:
        """The secret is in no request, and not in what is kept of an answer that repeats it."""
        receiver.instead(401, f"Invalid Signature, expected one with {SECRET}")
        error = failed(receiver, parcel, **SIGNED)
        assert "canary" not in str(receiver.forms)
        assert "canary" not in f"{error.message}{error.response}"
        assert "Invalid Signature" in str(error.response)

    def test_a_wrong_secret(
        self, receiver: CloudinaryReceiver, parcel: Parcel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A signature that is not right is a matter of the configuration."""
        monkeypatch.setenv("SECRET", "wrong")
        error = failed(receiver, parcel, **SIGNED)
        assert (error.code, error.kind) == ("auth_refused", Kind.PERMANENT)
        assert "`api_key`" in error.message

    def test_a_wrong_clock(self, receiver: CloudinaryReceiver, parcel: Parcel) -> None:
        """A clock that is off fails no file: once it is set, the next attempt succeeds."""
        receiver.ahead = 7200
        error = failed(receiver, parcel, **SIGNED)
        assert (error.code, error.kind) == ("clock_wrong", Kind.TRANSIENT)
        receiver.ahead = 0
        deliver(receiver, parcel, **SIGNED)

    def test_the_secret_cannot_be_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A secret that is not there is one clear error at the start."""
        monkeypatch.delenv("SECRET")
        with pytest.raises(ConfigError) as caught:
            CloudinaryDestination("cdn", config(**SIGNED))
        assert caught.value.problems[0].where == "destinations.cdn.api_secret"


class TestANameThatIsTaken:
    @pytest.mark.parametrize("options", [UNSIGNED, SIGNED])
    def test_by_the_same_file(
        self, receiver: CloudinaryReceiver, parcel: Parcel, options: dict[str, object]
    ) -> None:
        """The same content counts as delivered."""
        for _ in range(2):
            got = deliver(receiver, parcel, **options, public_id="{stem}")
        assert got.response["existing"] is True
        assert receiver.contents == [CONTENT]

    @pytest.mark.parametrize("options", [UNSIGNED, SIGNED])
    def test_by_another_file(
        self,
        receiver: CloudinaryReceiver,
        parcel: Parcel,
        tmp_path: Path,
        options: dict[str, object],
    ) -> None:
        """Other content is left alone, and ours does not count as delivered."""
        deliver(receiver, parcel, **options, public_id="{stem}")
        other = parcel_of(write(tmp_path, CONTENT[::-1], "other"))
        error = failed(receiver, other, **options, public_id="{stem}")
        assert (error.code, error.kind) == ("name_taken", Kind.PERMANENT)
        assert receiver.contents == [CONTENT]

    def test_is_replaced_where_that_is_configured(
        self, receiver: CloudinaryReceiver, parcel: Parcel, tmp_path: Path
    ) -> None:
        """A signed upload may replace what is there."""
        deliver(receiver, parcel, **SIGNED, public_id="{stem}")
        other = parcel_of(write(tmp_path, CONTENT[::-1], "other"))
        deliver(receiver, other, **SIGNED, public_id="{stem}", overwrite=True)
        assert receiver.contents == [CONTENT[::-1]]

    def test_what_a_preset_changes_is_still_ours(
        self, receiver: CloudinaryReceiver, parcel: Parcel
    ) -> None:
        """Under a name that holds the hash another size is a preset's doing, not another file."""
        deliver(receiver, parcel, **UNSIGNED)
        key = ("image", parcel.sha256)
        receiver.assets[key] = replace(receiver.assets[key], content=b"smaller")
        assert deliver(receiver, parcel, **UNSIGNED).response["existing"] is True


class TestNames:
    @pytest.mark.parametrize(
        ("template", "media_type", "name", "expected"),
        [
            ("{stem}", "image/jpeg", "a b.jpg", "a b"),
            ("{inbox}/{stem}", "image/jpeg", "a.jpg", "receipts/a"),
            ("{job}", "application/pdf", "a.pdf", JOB),
            ("{stem}", "text/plain", "a.txt", "a.txt"),
            ("{name}", "text/plain", "a.txt", "a.txt"),
            ("{name}", "text/plain", "/../a//b?.txt", "a/b_.txt"),
            ("{name}", "image/png", "50% <b>&c\n", "50_ _b__c_"),
            ("", "image/png", "a.png", ""),
        ],
    )
    def test_public_id(
        self, parcel: Parcel, template: str, media_type: str, name: str, expected: str
    ) -> None:
        """A name is a template, made one that Cloudinary takes; `raw` has its suffix in it."""
        named = replace(parcel, name=name, media_type=media_type)
        made = cloudinary_api.public_id(config(**UNSIGNED, public_id=template), named)
        assert made == expected

    def test_left_to_cloudinary(self, receiver: CloudinaryReceiver, parcel: Parcel) -> None:
        """An empty template lets Cloudinary choose."""
        got = deliver(receiver, parcel, **UNSIGNED, public_id="")
        assert "public_id" not in receiver.forms[0].fields
        assert got.response["public_id"]

    @given(name=st.text(min_size=1))
    def test_any_name(self, name: str) -> None:
        """Whatever a file is called, Cloudinary takes its name."""
        made = cloudinary_api.tidy(name)
        assert not set(made) & set('?&#\\%<>+"')
        assert made == made.strip(" /")
        assert made.isprintable()
        assert cloudinary_api.tidy(made) == made

    def test_a_name_too_long(self, parcel: Parcel) -> None:
        """A long name is cut, and the content's hash keeps it apart from others."""
        long = replace(parcel, name="n" * 300)
        made = cloudinary_api.public_id(config(**UNSIGNED, public_id="{name}"), long)
        assert len(made) <= 255
        assert made.endswith(parcel.sha256)


class TestChunks:
    @pytest.fixture
    def large(self, tmp_path: Path) -> Parcel:
        return parcel_of(write(tmp_path, os.urandom(14_000_000), "large"), "large.mp4")

    def ranges(self, receiver: CloudinaryReceiver) -> list[str]:
        return [form.headers["Content-Range"] for form in receiver.forms]

    def test_follow_each_other(self, receiver: CloudinaryReceiver, large: Parcel) -> None:
        """A large file goes in parts of one upload, and its progress is that of the file."""
        destination = CloudinaryDestination("cdn", config(receiver.url, **SIGNED, chunk_size="6MB"))
        progress = Watched()
        got = destination.deliver(large, progress, never())
        destination.close()
        assert self.ranges(receiver) == [
            "bytes 0-5999999/14000000",
            "bytes 6000000-11999999/14000000",
            "bytes 12000000-13999999/14000000",
        ]
        assert len({form.headers["X-Unique-Upload-Id"] for form in receiver.forms}) == 1
        assert progress.seen == sorted(progress.seen)
        assert progress.seen[-1] == got.bytes == 14_000_000
        with os.fdopen(large.open(), "rb") as file:
            assert receiver.contents == [file.read()]

    def test_small_files_have_none(self, receiver: CloudinaryReceiver, parcel: Parcel) -> None:
        """A file that fits into one form goes in one."""
        deliver(receiver, parcel, **UNSIGNED)
        assert "X-Unique-Upload-Id" not in receiver.forms[0].headers

    def test_are_gone_on_with(self, receiver: CloudinaryReceiver, large: Parcel) -> None:
        """After a restart the next chunk is the first that was not acknowledged."""
        self.fail_at_second(receiver, large)
        options = {**UNSIGNED, "chunk_size": "6MB"}
        destination = CloudinaryDestination("cdn", config(receiver.url, **options))
        progress = Watched()
        destination.deliver(large, progress, never())
        destination.close()
        assert progress.seen[0] == 6_000_000
        assert [form.size for form in receiver.forms] == [
            6_000_000,
            6_000_000,
            6_000_000,
            2_000_000,
        ]
        assert len({form.headers["X-Unique-Upload-Id"] for form in receiver.forms}) == 1
        assert len(receiver.contents) == 1

    def test_begin_anew_where_they_are_gone(
        self, receiver: CloudinaryReceiver, large: Parcel
    ) -> None:
        """Where the server has forgotten the first ones all are sent, as another upload."""
        self.fail_at_second(receiver, large)
        receiver.chunks.clear()
        deliver(receiver, large, **UNSIGNED, chunk_size="6MB")
        assert len({form.headers["X-Unique-Upload-Id"] for form in receiver.forms}) == 2
        assert len(receiver.contents) == 1

    def test_do_not_begin_anew_for_ever(self, receiver: CloudinaryReceiver, large: Parcel) -> None:
        """A server that refuses again is believed."""
        for status in (200, 400, 200, 400, 400):
            receiver.instead(status, "No" if status == 400 else None, body=b'{"done": false}')
        assert failed(receiver, large, **UNSIGNED, chunk_size="6MB").code == "refused_by_server"
        assert len(receiver.forms) == 4

    def test_of_a_file_that_was_touched(
        self, receiver: CloudinaryReceiver, large: Parcel, tmp_path: Path
    ) -> None:
        """Chunks of what a file was before are not gone on with."""
        self.fail_at_second(receiver, large)
        os.utime(tmp_path / "large", ns=(0, 0))
        deliver(receiver, large, **UNSIGNED, chunk_size="6MB")
        assert len({form.headers["X-Unique-Upload-Id"] for form in receiver.forms}) == 2

    def fail_at_second(self, receiver: CloudinaryReceiver, large: Parcel) -> None:
        receiver.let_pass()
        receiver.instead(503)
        failed(receiver, large, **UNSIGNED, chunk_size="6MB")


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "message", "code", "kind"),
        [
            (400, "Upload preset not found", "preset_refused", Kind.PERMANENT),
            (
                400,
                "File size too large. Got 2. Maximum is 1.",
                "too_large_for_server",
                Kind.PERMANENT,
            ),
            (400, "Invalid image file", "refused_by_server", Kind.PERMANENT),
            (401, "Invalid Signature abc", "auth_refused", Kind.PERMANENT),
            (403, "Not allowed", "auth_refused", Kind.PERMANENT),
            (404, "Not found", "refused_by_server", Kind.PERMANENT),
            (409, "already exists", "name_taken", Kind.PERMANENT),
            (420, "Rate limited", "too_many_requests", Kind.TRANSIENT),
            (500, "General error", "server_error", Kind.TRANSIENT),
            (503, "Overloaded", "server_unavailable", Kind.TRANSIENT),
        ],
    )
    def test_each_has_its_code(
        self,
        receiver: CloudinaryReceiver,
        parcel: Parcel,
        status: int,
        message: str,
        code: str,
        kind: Kind,
    ) -> None:
        """What the vendor answers is one of our codes, and its own words are kept beside it."""
        receiver.instead(status, message)
        error = failed(receiver, parcel, **UNSIGNED)
        assert (error.code, error.kind, error.http_status) == (code, kind, status)
        assert error.response == {"error": {"message": message}}

    @pytest.mark.parametrize("status", [302, 405])
    def test_advice_names_a_key_that_there_is(
        self, receiver: CloudinaryReceiver, parcel: Parcel, status: int
    ) -> None:
        """What is no Cloudinary is at the address of a stand-in, and only there."""
        receiver.instead(status)
        assert "check `endpoint`" in failed(receiver, parcel, **UNSIGNED).message

    def test_words_in_a_header(self, receiver: CloudinaryReceiver, parcel: Parcel) -> None:
        """The vendor's words count where they stand in a header alone."""
        receiver.instead(400, X_Cld_Error="Upload preset not found")
        assert failed(receiver, parcel, **UNSIGNED).code == "preset_refused"

    @pytest.mark.parametrize("header", ["Retry-After", "X-FeatureRateLimit-Reset"])
    def test_rate_limits_name_a_time(self, parcel: Parcel, header: str) -> None:
        """The pause that a rate limit asks for is kept, within bounds."""
        refused = DeliveryError("refused_by_server", "no", http_status=420)
        for seconds in ("7", "9999"):
            told = cloudinary_api.explained(refused, {header: seconds}, now=0, cap=60)
            assert told.retry_after == min(float(seconds), 60)


class TestCheck:
    def findings(self, receiver: CloudinaryReceiver, **options: object) -> list[Finding]:
        destination = CloudinaryDestination("cdn", config(receiver.url, **options))
        try:
            return destination.check()
        finally:
            destination.close()

    @pytest.mark.parametrize("options", [UNSIGNED, SIGNED, {**SIGNED, **UNSIGNED}])
    def test_finds_all_well(self, receiver: CloudinaryReceiver, options: dict[str, object]) -> None:
        """A preset or a key that lets us in is found, and nothing is uploaded."""
        found = self.findings(receiver, **options)
        subjects = ["dns", "tcp", "answer", "auth", "place", "rights", "quota"]
        assert [f.subject for f in found] == subjects
        assert all(f.ok for f in found)
        assert receiver.assets == {}

    @pytest.mark.parametrize(("used", "ok"), [(12.3, True), (100.4, False)])
    def test_finds_what_the_plan_allows(
        self, receiver: CloudinaryReceiver, used: float, ok: bool
    ) -> None:
        """A key may ask how much of the plan is used; a preset may not."""
        receiver.usage = {"credits": {"usage": 1, "limit": 25, "used_percent": used}}
        last = self.findings(receiver, **SIGNED)[-1]
        assert (last.subject, last.ok, last.known) == ("quota", ok, True)
        assert f"{used:.0f} %" in last.message
        assert not self.findings(receiver, **UNSIGNED)[-1].known

    @pytest.mark.parametrize(
        ("options", "subject", "advice"),
        [
            ({"upload_preset": "unknown"}, "auth", "`upload_preset`"),
            ({**SIGNED, "api_key": "unknown"}, "auth", "`api_key`"),
            ({**UNSIGNED, "cloud": "unknown"}, "auth", "`cloud`"),
        ],
    )
    def test_finds_what_is_wrong(
        self, receiver: CloudinaryReceiver, options: dict[str, object], subject: str, advice: str
    ) -> None:
        """What does not let us in is named."""
        last = self.findings(receiver, **options)[-1]
        assert (last.subject, last.ok) == (subject, False)
        assert advice in last.message

    def test_finds_another_server(self, receiver: CloudinaryReceiver) -> None:
        """A server that answers otherwise is not Cloudinary, one in trouble is."""
        receiver.instead(200, body=b"hello")
        receiver.instead(503)
        elsewhere, trouble = (self.findings(receiver, **UNSIGNED)[-1] for _ in range(2))
        assert "`endpoint`" in elsewhere.message
        assert "in trouble" in trouble.message
        assert not elsewhere.ok
        assert not trouble.ok


def test_a_benchmark_cleans_up(receiver: CloudinaryReceiver, parcel: Parcel) -> None:
    """What a signed upload brought there can be taken away again."""
    got = deliver(receiver, parcel, **SIGNED)
    signed = CloudinaryDestination("cdn", config(receiver.url, **SIGNED))
    unsigned = CloudinaryDestination("cdn", config(receiver.url, **UNSIGNED))
    assert not unsigned.discard(got)
    assert signed.discard(got)
    signed.close()
    unsigned.close()
    assert receiver.assets == {}


def test_the_sidecar_says_where_the_asset_is(receiver: CloudinaryReceiver, tmp_path: Path) -> None:
    """A person finds the secure address and the public id beside the file."""
    cdn = f"{{type: cloudinary, cloud: {CLOUD}, upload_preset: {PRESET}, endpoint: {receiver.url}}}"
    with Daemon(tmp_path, inbox="deliver: [cdn]", rest=f"destinations: {{cdn: {cdn}}}") as daemon:
        daemon.drop("picture.bin", CONTENT)
        daemon.wait_for(State.DONE)
        (delivery,) = daemon.sidecar("done", "picture.bin")["deliveries"]
    (asset,) = receiver.assets.values()
    assert delivery["location"].startswith("https://res.cloudinary.com/")
    assert delivery["location"].endswith(asset.public_id)
    assert delivery["response"]["public_id"] == asset.public_id
    assert (delivery["http_status"], delivery["bytes"]) == (200, len(CONTENT))


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({}, "give upload_preset"),
        ({"api_key": KEY}, "exactly one of api_secret_file"),
        ({**SIGNED, "api_secret_file": "secret"}, "exactly one of api_secret_file"),
        ({**UNSIGNED, "api_secret_env": "SECRET"}, "needs its api_key"),
        ({**UNSIGNED, "overwrite": True}, "needs signed uploads"),
        ({**UNSIGNED, "chunk_size": "5MB"}, "write 6MB or more"),
        ({**UNSIGNED, "cloud": "a/b"}, "is no cloud"),
    ],
)
def test_configurations_that_cannot_work(options: dict[str, object], advice: str) -> None:
    """What Cloudinary would refuse for every file is refused at the start."""
    with pytest.raises(ValidationError, match=advice):
        config(**options)
