"""Which addresses may be asked: pure decisions about URLs, hosts and IP addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from daemon.errors import RefusedError

_PORTS = {"https": 443, "http": 80}
# Networks that carry an IPv4 address of the sender's choice (RFC 6052, RFC 3056, RFC 4380).
_TUNNELS = tuple(
    ipaddress.ip_network(network)
    for network in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")
)


@dataclass(frozen=True, slots=True)
class Permission:
    """What an inbox allows: hosts, `*.name` for all below one, and whether http is enough."""

    hosts: tuple[str, ...]
    http: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """One address that may be asked, once its IP addresses are found to be harmless."""

    url: str
    scheme: str
    host: str
    port: int


def judge(url: str, permission: Permission, base: str | None = None) -> Target:
    """The target of a URL, or of a redirect from `base`; raises RefusedError `link_refused`."""
    try:
        whole = urljoin(base, url) if base else url
        parts = urlsplit(whole)
        host = (parts.hostname or "").rstrip(".").encode("idna").decode("ascii").lower()
        port = parts.port
        username = parts.username
    except ValueError as error:
        raise _refused(f"{_shown(url)} is no address: {error}") from None
    schemes = ("https", "http") if permission.http else ("https",)
    if parts.scheme not in schemes:
        raise _refused(f"{_shown(url)} is not {' or '.join(schemes)}")
    if username is not None:
        raise _refused(f"the address at {host} carries a user name")
    if port not in (None, _PORTS[parts.scheme]):
        raise _refused(f"{host} is to be asked at port {port}; only the usual ports are")
    if not any(_fits(host, pattern) for pattern in permission.hosts):
        raise _refused(f"{host or 'a URL without a host'} is not among the hosts of `links`")
    return Target(
        parts._replace(netloc=host, fragment="").geturl(),
        parts.scheme,
        host,
        _PORTS[parts.scheme],
    )


def harmless(host: str, addresses: Iterable[str]) -> str:
    """The one address to connect to; raises RefusedError where any is not of the open internet.

    A name with a public and a private address is the mark of an attack, so that one is enough.
    """
    found = list(addresses)
    for address in found:
        if not is_public(address):
            raise _refused(f"{host} leads to {address}, which is not on the open internet")
    if not found:
        raise _refused(f"{host} has no address")
    return found[0]


def is_public(address: str) -> bool:
    """Whether an IP address is one that the whole internet can reach, and leads nowhere else."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if any(ip in network for network in _TUNNELS):
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _fits(host: str, pattern: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and host != pattern[2:]
    return host == pattern


def _shown(url: str) -> str:
    return repr(url[:100])


def _refused(message: str) -> RefusedError:
    return RefusedError("link_refused", message)
