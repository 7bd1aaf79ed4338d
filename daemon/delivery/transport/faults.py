"""What goes wrong between us and a server, each with its own code; nothing secret in a message."""

from __future__ import annotations

import errno
import socket
import ssl

import requests

from daemon.delivery.transport.answer import AnswerError, NoAnswerError
from daemon.delivery.transport.connecting import HandshakeError, HandshakeTimeoutError
from daemon.delivery.transport.flow import OverdueError, SlowError
from daemon.errors import DeliveryError, EnvironmentFaultError, Kind
from daemon.files import environment_fault

_OUR_LIMITS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
_RESETS = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.ENOTCONN})

_OURS_REFUSED = frozenset(
    {
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "TLSV1_ALERT_UNKNOWN_CA",
        "TLSV1_ALERT_ACCESS_DENIED",
    }
)
"""Alerts (RFC 8446 section 6.2) that the far side sends about our certificate."""

_RENEW = "have a new one made for it"
_TRUST = "name its authority in `verify`"
_ADVICE = {
    2: _TRUST,
    9: "set the clock of this machine, if that is wrong",
    10: "have it renewed, or set the clock of this machine, if that is wrong",
    18: f"{_TRUST}; one that is self-signed is its own",
    19: _TRUST,
    20: f"{_TRUST}, or have the server send its whole chain",
    21: f"{_TRUST}, or have the server send its whole chain",
    62: "use a name that stands in it, or have one made for this name",
    64: "use a name that stands in it, or have one made for this address",
}
"""What to do about a certificate, by OpenSSL's code (X509_V_ERR_..., openssl-verification-options).
"""


def connect_fault(error: OSError, origin: str) -> DeliveryError | EnvironmentFaultError:
    """The fault for an OSError met while connecting to `origin` (scheme://host:port)."""
    if error.errno in _OUR_LIMITS:
        return environment_fault(error, f"connecting to {origin}")
    if isinstance(error, socket.gaierror):
        return DeliveryError(
            "dns_failed",
            f"the name in {origin} was not resolved ({error.strerror}); check it, and this "
            "machine's resolver",
        )
    if isinstance(error, ssl.SSLError):
        return tls_fault(error, origin)
    if isinstance(error, HandshakeError):
        return DeliveryError("tls_failed", f"no TLS with {origin}: it broke off the connection")
    if isinstance(error, HandshakeTimeoutError):
        said = "took the connection, and did not agree on TLS in time"
        return DeliveryError("tls_timeout", f"{origin} {said}")
    if isinstance(error, TimeoutError):
        return DeliveryError("connect_timeout", f"{origin} did not take the connection in time")
    if isinstance(error, ConnectionRefusedError):
        return DeliveryError("connection_refused", f"nothing listens at {origin}")
    if error.errno in _RESETS:
        return DeliveryError("connection_reset", f"{origin} closed the connection at once")
    return DeliveryError("unreachable", f"{origin} is not reachable: {error.strerror or error}")


def tls_fault(error: ssl.SSLError, origin: str) -> DeliveryError:
    """The fault for a failed TLS handshake; transient, because certificates are renewed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return DeliveryError(
            "tls_certificate",
            f"the certificate of {origin} is not valid: {error.verify_message.rstrip('.')}; "
            f"{_ADVICE.get(error.verify_code, _RENEW)}",
        )
    if error.reason == "TLSV13_ALERT_CERTIFICATE_REQUIRED":
        return certificate_wanted(origin)
    if error.reason in _OURS_REFUSED:
        return DeliveryError(
            "tls_client_certificate",
            f"{origin} does not accept the certificate in `client_certificate` ({error.reason})",
        )
    hint = ""
    if error.reason == "SSLV3_ALERT_HANDSHAKE_FAILURE":  # TLS 1.2 has no word for it
        hint = "; if it wants a certificate of ours, set `client_certificate`"
    return DeliveryError("tls_failed", f"no TLS with {origin}: {error.reason or 'it failed'}{hint}")


def certificate_wanted(origin: str) -> DeliveryError:
    """The fault for a server that wants to know by TLS who we are."""
    return DeliveryError(
        "tls_client_certificate",
        f"{origin} wants a certificate of ours; name one in `client_certificate`",
    )


def transfer_fault(error: Exception, origin: str) -> DeliveryError | EnvironmentFaultError:
    """The fault for an error met while sending over a connection or awaiting an answer."""
    if isinstance(error, NoAnswerError):
        return DeliveryError("no_answer", f"{origin} closed the connection without an answer")
    if isinstance(error, AnswerError):
        return DeliveryError("answer_broken", f"{origin} gave no whole answer in HTTP: {error}")
    if isinstance(error, SlowError):
        return DeliveryError("transfer_slow", f"{origin} takes fewer bytes a second than it must")
    if isinstance(error, OverdueError):
        return DeliveryError("transfer_overdue", f"{origin} took too long over a file of this size")
    if isinstance(error, TimeoutError):
        return DeliveryError("transfer_timeout", f"{origin} was silent for too long")
    if isinstance(error, ssl.SSLError):  # TLS 1.3 says only now that it wants a certificate of ours
        return tls_fault(error, origin)
    if isinstance(error, OSError) and error.errno in _OUR_LIMITS:
        return environment_fault(error, f"sending to {origin}")
    return DeliveryError("connection_reset", f"{origin} broke off the connection")


def stock_fault(error: requests.RequestException, origin: str) -> DeliveryError:
    """The fault for an error of requests' own adapter, which carries unusual requests."""
    match error:
        case requests.exceptions.ProxyError():
            return DeliveryError("proxy_failed", f"the proxy to {origin} does not work")
        case requests.exceptions.SSLError():
            return tls_fault(_tls_cause(error), origin)
        case requests.exceptions.ConnectTimeout():
            return DeliveryError("connect_timeout", f"{origin} did not take the connection in time")
        case requests.exceptions.Timeout():
            return DeliveryError("transfer_timeout", f"{origin} was silent for too long")
        case requests.exceptions.ConnectionError():
            return DeliveryError("connection_reset", f"the connection to {origin} failed")
        case requests.exceptions.ChunkedEncodingError():
            return DeliveryError("answer_broken", f"{origin} gave no whole answer in HTTP")
        case requests.exceptions.InvalidURL() | requests.exceptions.InvalidHeader():
            return DeliveryError(
                "bad_request", f"the request to {origin} cannot be made", kind=Kind.PERMANENT
            )
        case _:
            return DeliveryError("request_failed", f"the request to {origin} failed")


def _tls_cause(error: BaseException) -> ssl.SSLError:
    """What OpenSSL said, out of the errors that requests and urllib3 wrap around it."""
    for inner in (*error.args, getattr(error, "reason", None)):
        if isinstance(inner, ssl.SSLError):
            return inner
        if isinstance(inner, BaseException):
            return _tls_cause(inner)
    return ssl.SSLError()
