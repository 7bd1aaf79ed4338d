"""Which addresses a link may lead to."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.errors import RefusedError
from daemon.fetching.addresses import Permission, harmless, is_public, judge

ALLOWED = Permission(("example.com", "*.example.org"), http=False)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.pdf",
        "https://EXAMPLE.com./a.pdf",
        "https://a.b.example.org/",
        "https://example.com:443/x?token=1#page",
    ],
)
def test_a_host_of_the_list_may_be_asked(url: str) -> None:
    """In any spelling of it, at its usual port."""
    assert judge(url, ALLOWED).port == 443


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a.pdf",
        "ftp://example.com/a.pdf",
        "file:///etc/passwd",
        "https://example.com.evil.com/",
        "https://evil-example.org/",
        "https://example.org/",
        "https://user:secret@example.com/",
        "https://example.com@evil.com/",
        "https://example.com:8443/",
        "https://127.0.0.1/",
        "https:///nothing",
        "https://[::1",
        "//example.com/",
        "javascript:alert(1)",
        "",
        "https://example.com\\@evil.com/",
    ],
)
def test_all_else_is_refused(url: str) -> None:
    """By its scheme, its host, its port, or what it carries."""
    with pytest.raises(RefusedError) as caught:
        judge(url, ALLOWED)
    assert caught.value.code == "link_refused"


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1"),
        *("::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "::7f00:1"),
    ],
)
def test_what_is_not_on_the_open_internet_is_refused(address: str) -> None:
    """Loopback, private, link-local, shared, multicast, metadata, and IPv6 that carries one."""
    assert not is_public(address)
    with pytest.raises(RefusedError):
        harmless("example.com", ["93.184.216.34", address])


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_public_addresses_are_taken(address: str) -> None:
    """Of both kinds."""
    assert harmless("example.com", [address]) == address


@given(st.ip_addresses(v=4))
def test_an_embedded_address_is_no_way_around(address: ipaddress.IPv4Address) -> None:
    """An IPv6 address that maps an IPv4 address is judged as that one."""
    assert is_public(f"::ffff:{address}") == is_public(str(address))
