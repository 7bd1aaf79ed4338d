"""Digest authentication (RFC 7616): a proof of the password for each request."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

import requests

from daemon.clock import Clock, SystemClock
from daemon.delivery.transport.challenge import Challenge, challenges

_HASHES: Final[Mapping[str, str]] = {
    "sha-512-256": "sha512_256",
    "sha-256": "sha256",
    "md5": "md5",
}
"""Algorithms by their names in a challenge, the strongest first."""
_SESSION: Final = "-sess"
_FRESH: Final = 30.0
"""Seconds for which a nonce that the server took is trusted with a large body."""


@dataclass(frozen=True, slots=True)
class Question:
    """A challenge that we can answer."""

    realm: str
    nonce: str
    algorithm: str
    qop: str | None
    opaque: str | None
    hides_name: bool
    knows_unicode: bool

    @property
    def strength(self) -> int:
        """Smaller is stronger."""
        return list(_HASHES).index(self.algorithm.lower().removesuffix(_SESSION))


def question_of(challenge: Challenge) -> Question | None:
    """What a challenge asks, None where it is not one of digest that we can answer."""
    facts = challenge.parameters
    if challenge.scheme != "digest" or not facts.get("nonce"):
        return None
    algorithm = facts.get("algorithm") or "MD5"
    if algorithm.lower().removesuffix(_SESSION) not in _HASHES:
        return None
    offered = [text.strip().lower() for text in facts.get("qop", "").split(",")]
    if any(offered) and "auth" not in offered:
        return None  # auth-int hashes the body, which would be one more reading of the file
    return Question(
        facts.get("realm", "").encode("latin-1", "replace").decode("utf-8", "replace"),
        facts["nonce"],
        algorithm,
        "auth" if any(offered) else None,
        facts.get("opaque"),
        facts.get("userhash", "").lower() == "true",
        facts.get("charset", "").lower() == "utf-8",
    )


def response_to(
    question: Question,
    username: str,
    password: str,
    *,
    method: str,
    target: str,
    count: int,
    cnonce: str,
) -> str:
    """The Authorization header that answers a question (RFC 7616 section 3.4); pure.

    Args: `target` is the request's path and query; `count` is how often the nonce was used, from 1.
    """

    def hashed(*parts: str) -> str:
        name = _HASHES[question.algorithm.lower().removesuffix(_SESSION)]
        # The server chooses the algorithm; MD5 proves knowledge here, it keeps nothing secret.
        digest = hashlib.new(name, ":".join(parts).encode(), usedforsecurity=False)
        return digest.hexdigest()

    secret = hashed(username, question.realm, password)
    if question.algorithm.lower().endswith(_SESSION):
        secret = hashed(secret, question.nonce, cnonce)
    asked = hashed(method, target)
    times = f"{count:08x}"
    if question.qop is None:
        proof = hashed(secret, question.nonce, asked)
    else:
        proof = hashed(secret, question.nonce, times, cnonce, question.qop, asked)
    name = hashed(username, question.realm) if question.hides_name else username
    fields = [
        _name_field(name, extended=question.knows_unicode),
        f"realm={_quoted(question.realm)}",
        f"nonce={_quoted(question.nonce)}",
        f"uri={_quoted(target)}",
        f"algorithm={question.algorithm}",
        f'response="{proof}"',
    ]
    if question.opaque is not None:
        fields.append(f"opaque={_quoted(question.opaque)}")
    if question.qop is not None:
        fields += [f"qop={question.qop}", f"nc={times}", f'cnonce="{cnonce}"']
    elif question.algorithm.lower().endswith(_SESSION):
        fields.append(f'cnonce="{cnonce}"')
    if question.hides_name:
        fields.append("userhash=true")
    return "Digest " + ", ".join(fields)


class DigestProof:
    """Answers for one user, over any number of requests and threads."""

    def __init__(self, username: str, password: str, clock: Clock | None = None) -> None:
        self._username = username
        self._password = password
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._question: Question | None = None
        self._count = 0
        self._was_taken = False
        self._taken_at = 0.0

    def __repr__(self) -> str:
        return "DigestProof(...)"

    @property
    def is_fresh(self) -> bool:
        """Whether the server is all but sure to take the next answer."""
        return self._was_taken and self._clock.monotonic() - self._taken_at < _FRESH

    def sign(self, request: requests.PreparedRequest) -> str | None:
        """Give a request its Authorization and return it; None before the server has asked."""
        with self._lock:
            question = self._question
            self._count += 1
            count = self._count
        if question is None:
            return None
        parts = urlsplit(request.url or "")
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        answer = response_to(
            question,
            self._username,
            self._password,
            method=request.method or "GET",
            target=target,
            count=count,
            cnonce=secrets.token_hex(16),
        )
        request.headers["Authorization"] = answer
        return answer

    def heard(self, response: requests.Response, answered: str | None) -> bool:
        """Take in an answer; tells whether the request is to be signed and made once more."""
        if response.status_code == 401:
            return self._learn(response.headers.get("WWW-Authenticate", ""), answered)
        if answered is not None:
            self._taken_at = self._clock.monotonic()
            self._was_taken = True
        return False

    def _learn(self, header: str, answered: str | None) -> bool:
        """Take in the challenges of a 401; tells whether another try can succeed.

        Args: `answered` is the Authorization that was refused, None where there was none. It was
        refused for its nonce where the server says so, or has taken the password before.
        """
        asked = [question for one in challenges(header) if (question := question_of(one))]
        if not asked:
            return False
        question = min(asked, key=lambda one: one.strength)
        if answered is not None:
            refused = challenges(answered)[0].parameters.get("nonce")
            if refused == question.nonce or not (self._was_taken or _says_stale(header)):
                return False
        with self._lock:
            if self._question != question:
                self._question, self._count = question, 0
        return True


def _says_stale(header: str) -> bool:
    return any(one.parameters.get("stale", "").lower() == "true" for one in challenges(header))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_as_octets(escaped)}"'


def _as_octets(text: str) -> str:
    """A text whose UTF-8 goes out as it is, since headers are encoded as ISO 8859-1."""
    return text.encode().decode("latin-1")


def _name_field(name: str, *, extended: bool) -> str:
    """A user name; one that is not ASCII in the notation of RFC 8187, or as bare UTF-8 for old."""
    if not name.isascii() and extended:
        return f"username*=UTF-8''{quote(name, safe='')}"
    return f"username={_quoted(name)}"
