"""Facts are found in the XML of every store, and nothing in it can hurt."""

from __future__ import annotations

from datetime import datetime

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from daemon.delivery.s3.answers import (
    Kept,
    completed_etag,
    error_code,
    listing,
    region_of,
    text_of,
    upload_id,
    uploads_of,
)
from daemon.delivery.s3.faults import refusal
from daemon.errors import DeliveryError

AMAZON = """<?xml version="1.0" encoding="UTF-8"?>
<ListPartsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Bucket>b</Bucket>
  <NextPartNumberMarker>7</NextPartNumberMarker><IsTruncated>true</IsTruncated>
  <Part><PartNumber>2</PartNumber><ETag>&quot;77&quot;</ETag><Size>10485760</Size></Part>
  <Part>
    <PartNumber>7</PartNumber><Size>1</Size><ETag>"aa"</ETag>
  </Part>
</ListPartsResult>"""
GO = """<?xml version="1.0"?><s3:ListPartsResult xmlns:s3="x"><s3:IsTruncated>false</s3:IsTruncated>
<s3:Part><s3:ETag>&#34;77&#34;</s3:ETag><s3:PartNumber>1</s3:PartNumber><s3:Size>5</s3:Size></s3:Part>
</s3:ListPartsResult>"""


def answer(body: str | bytes, status: int = 200, **headers: str) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = body if isinstance(body, bytes) else body.encode()
    response.headers.update(headers)
    response.url = "https://s3.example.com/b/k"
    return response


def test_pages_of_parts() -> None:
    """Parts are read in any order and spacing, with the place where the next page begins."""
    page = listing(answer(AMAZON))
    assert page.parts == (Kept(2, 10485760, '"77"'), Kept(7, 1, '"aa"'))
    assert page.after == 7
    assert listing(answer(GO)).parts == (Kept(1, 5, '"77"'),)
    assert listing(answer(GO)).after is None


def test_page_that_never_ends() -> None:
    """A store that promises more and gives nothing is asked no further."""
    endless = "<ListPartsResult><IsTruncated>true</IsTruncated></ListPartsResult>"
    assert listing(answer(endless)).after is None


@pytest.mark.parametrize("body", ["", "hello", "<html><body>Login</body></html>", "<Error/>"])
def test_other_documents(body: str) -> None:
    """What is not S3's is no list, no id and no object."""
    for read in (listing, upload_id, completed_etag):
        with pytest.raises(DeliveryError) as caught:
            read(answer(body))
        assert caught.value.code == "answer_broken"


def test_unfinished_uploads() -> None:
    """Of the uploads to keys that begin alike only those to this key, begun since, are ours."""
    listed = "".join(
        f"<Upload><Key>{key}</Key><UploadId>{name}</UploadId><Initiated>{begun}</Initiated></Upload>"
        for key, name, begun in [
            ("a &amp; b", "1", "2026-11-20T08:00:00.000Z"),
            ("a &amp; b.jpg", "2", "2026-11-20T08:00:00.000Z"),
            ("a &amp; b", "3", "2026-11-20T07:00:00.000Z"),
            ("a &amp; b", "4", "yesterday"),
        ]
    )
    since = datetime.fromisoformat("2026-11-20T07:30:00Z").timestamp()
    assert uploads_of("a & b", since, answer(f"<X>{listed}</X>")) == ["1"]


def test_errors_by_their_root() -> None:
    """An error is one by its first element, whatever the status and whatever is inside others."""
    assert error_code(answer("<Error><Code>SlowDown</Code></Error>")) == "SlowDown"
    assert error_code(answer("  <?xml version='1.0'?>\n<Error><Code>A</Code></Error>")) == "A"
    assert error_code(answer("<Error></Error>")) == "InternalError"
    assert error_code(answer("<Error></Error>", 403)) == ""
    assert error_code(answer("<Error><Code>no code at all</Code></Error>", 403)) == ""
    assert error_code(answer("<Listing><Error><Code>A</Code></Error></Listing>")) == ""


def test_regions_that_are_none() -> None:
    """Only what can be a region is repeated."""
    assert region_of(answer("<Error><Region>eu-west-1</Region></Error>")) == "eu-west-1"
    assert region_of(answer("<Error><Region>; rm -rf /</Region></Error>")) == ""


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    "<Error><Code>&b;&b;</Code><Message>&b;</Message></Error>"
)


@pytest.mark.parametrize(
    "body",
    [
        BOMB,
        "<Error>" * 20_000,
        "<Code " + " " * 1_000_000,
        "<Error><Code>" + " " * 1_000_000,
        "<Part>" * 150_000,
        "<!" * 400_000,
        b"\xff\xfe\x00" * 300_000,
    ],
    ids=["bomb", "deep", "tag", "spaces", "parts", "declarations", "bytes"],
)
def test_hostile_documents(body: str | bytes) -> None:
    """Documents made to exhaust a parser cost a moment."""
    for status in (200, 500):
        response = answer(body, status)
        error = refusal(response, hidden=(), cap=60)
        assert len(error.message) < 500
        assert all(len(text) <= 500 for text in error.response.values())
        for read in (listing, upload_id, completed_etag):
            with pytest.raises(DeliveryError):
                read(response)


@given(st.text(max_size=60), st.binary(max_size=400), st.integers(100, 599))
def test_any_answer(name: str, body: bytes, status: int) -> None:
    """No answer makes anything but an error with a code."""
    response = answer(b"<Error><Code>" + body, status)
    assert refusal(response, hidden=("x",), cap=60).code
    assert isinstance(text_of(name, response.text), str)
