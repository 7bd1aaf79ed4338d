"""A bucket's address follows from its name, its region and its endpoint."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config.destinations import S3DestinationConfig
from daemon.delivery.s3.bucket import Bucket, metadata_value


def url(bucket: str = "receipts", **options: object) -> str:
    section = {"type": "s3", "bucket": bucket, **options}
    return Bucket(S3DestinationConfig.model_validate(section)).url


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ("us-east-1", "https://receipts.s3.us-east-1.amazonaws.com"),
        ("eu-central-1", "https://receipts.s3.eu-central-1.amazonaws.com"),
        ("cn-north-1", "https://receipts.s3.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "https://receipts.s3.us-gov-west-1.amazonaws.com"),
        ("eusc-de-east-1", "https://receipts.s3.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_endpoint_of_a_region(region: str, expected: str) -> None:
    """Without an endpoint the region says where Amazon keeps the bucket."""
    assert url(region=region) == expected


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("https://s3.example.com", "https://receipts.s3.example.com"),
        ("https://s3.example.com:9000/", "https://receipts.s3.example.com:9000"),
        ("https://example.com/store/s3", "https://receipts.example.com/store/s3"),
    ],
)
def test_bucket_in_the_name_of_the_host(endpoint: str, expected: str) -> None:
    """The bucket stands in front of the endpoint's name."""
    assert url(endpoint=endpoint) == expected


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("https://s3.example.com", "https://s3.example.com/receipts"),
        ("https://example.com/store/s3/", "https://example.com/store/s3/receipts"),
    ],
)
def test_bucket_in_the_path(endpoint: str, expected: str) -> None:
    """With path_style the bucket follows the endpoint's path."""
    assert url(endpoint=endpoint, path_style=True) == expected


@pytest.mark.parametrize(
    ("bucket", "endpoint"),
    [
        ("receipts", "http://127.0.0.1:9000"),
        ("receipts", "http://[::1]:9000"),
        ("receipts", "http://minio:9000"),
        ("receipts", "http://localhost:9000"),
        ("my.receipts", "https://s3.example.com"),
        ("my_receipts", "http://s3.example.com"),
        ("Receipts", "http://s3.example.com"),
    ],
)
def test_bucket_that_cannot_be_in_a_host(bucket: str, endpoint: str) -> None:
    """Where no host could be called so, or no certificate would fit, the path is used."""
    assert url(bucket, endpoint=endpoint) == f"{endpoint}/{bucket}"


def test_dots_need_no_certificate_without_tls() -> None:
    """Without TLS a bucket with dots is a host like any."""
    assert (
        url("my.receipts", endpoint="http://s3.example.com") == "http://my.receipts.s3.example.com"
    )


@given(st.text())
def test_metadata_fits_into_a_header(text: str) -> None:
    """Whatever a name is, its metadata is one line of plain ASCII in words of 75 characters."""
    value = metadata_value(text)
    assert value.isascii()
    assert value == " ".join(value.split())
    assert value.isprintable()
    if value != text:
        assert max(map(len, value.split(" "))) <= 75
