"""The requests of WebDAV (RFC 4918) that a delivery needs, each with what its answer means."""

from __future__ import annotations

import threading
from typing import Final
from urllib.parse import urlsplit

import requests

from daemon.delivery.transport.body import FileBody
from daemon.delivery.transport.client import Client
from daemon.delivery.verdict import is_page
from daemon.delivery.webdav.multistatus import PROPFIND, Resource, resource_of
from daemon.errors import DeliveryError, Kind

_TAKEN: Final = 412
_NO_PARENT: Final = frozenset({404, 409})
_NO_DAV: Final = frozenset({405, 501})
_MAY_NOT_LOOK: Final = frozenset({403, 405, 501})
"""Answers where files may be put and nothing may be asked."""
_BAD_DESTINATION: Final = frozenset({400, 502})
"""Answers to a Destination that names the server other than it does itself, as behind a proxy."""


class Share:
    """A folder on a WebDAV server, addressed by URLs below `root`, which ends in a slash.

    Its methods raise DeliveryError for all answers that they do not speak of, and whatever the
    client raises.
    """

    def __init__(self, client: Client, root: str) -> None:
        self.client = client
        self.root = root
        self._names_host = True

    def put(self, url: str, body: FileBody | bytes, media_type: str) -> requests.Response:
        """Write a file; raises DeliveryError `target_missing` where its folder is not there."""
        request = self.client.request("PUT", url, {"Content-Type": media_type})
        response = self.client.send(request, body)
        if not 200 <= response.status_code < 300:
            raise self.refusal(response)
        if is_page(response.status_code, response.content):
            raise self._no_share()
        return response

    def make_folder(self, url: str, stop: threading.Event) -> None:
        """Make a folder where there is none yet; its parent must be there."""
        response = self.client.send(self.client.request("MKCOL", url), stop=stop)
        if response.status_code == 405 or 200 <= response.status_code < 300:
            return
        if response.status_code == 403 and self.look(url, stop) is not None:
            return  # Apache says so where somebody else has just made it
        raise self.refusal(response)

    def make_root(self, stop: threading.Event) -> None:
        """Make the root, and what is missing above it, unless it is there or nobody may look."""
        try:
            if self.look(self.root, stop) is not None:
                return
        except DeliveryError as error:
            if error.http_status in _MAY_NOT_LOOK or error.code == "answer_broken":
                return
            raise
        self._make_with_parents(self.root, stop)

    def nearest(self) -> str | None:
        """The lowest folder on the way to the root that is there, the root itself at best."""
        url: str | None = self.root
        while url is not None:
            found = self.look(url, None)
            if found is not None:
                return url if found.is_folder else None
            url = _above(url)
        return None

    def _make_with_parents(self, url: str, stop: threading.Event) -> None:
        try:
            self.make_folder(url, stop)
        except DeliveryError as error:
            above = _above(url)
            if error.code != "target_missing" or above is None:
                raise
            self._make_with_parents(above, stop)
            self.make_folder(url, stop)

    def move(self, source: str, target: str, stop: threading.Event) -> requests.Response | None:
        """Give a file a free name; None where the name is taken."""
        response = self._move(source, target, stop)
        if response.status_code in _BAD_DESTINATION and self._names_host:
            self._names_host = False  # RFC 4918 section 10.3 lets us leave it out, older ones not
            response = self._move(source, target, stop)
        if response.status_code == _TAKEN:
            return None
        if not 200 <= response.status_code < 300 or response.status_code == 207:
            raise self.refusal(response)
        return response

    def look(self, url: str, stop: threading.Event | None) -> Resource | None:
        """What lies at a name, None for nothing."""
        headers = {"Depth": "0", "Content-Type": "application/xml"}
        response = self.client.send(
            self.client.request("PROPFIND", url, headers), PROPFIND, stop=stop
        )
        if response.status_code == 404:
            return None
        if not 200 <= response.status_code < 300:
            raise self.refusal(response)
        found = resource_of(response.content)
        if found is None or response.status_code != 207:
            raise self._no_share()
        return found

    def content(self, url: str, stop: threading.Event) -> bytes | None:
        """The beginning of a file, as much as is kept of an answer; None where we may not."""
        response = self.client.send(self.client.request("GET", url), stop=stop)
        if response.status_code == 200:
            return response.content
        refusal = self.refusal(response)
        if refusal.kind is Kind.TRANSIENT and response.status_code != 404:
            raise refusal
        return None

    def remove(self, url: str, stop: threading.Event | None = None) -> bool:
        """Remove a file; tells whether it was there."""
        response = self.client.send(self.client.request("DELETE", url), stop=stop)
        if response.status_code == 404:
            return False
        if not 200 <= response.status_code < 300:
            raise self.refusal(response)
        return True

    def refusal(self, response: requests.Response) -> DeliveryError:
        """The error for an answer, where WebDAV gives its status another meaning too."""
        error = self.client.refusal(response)
        status = response.status_code
        if status in _NO_PARENT:
            said = "target_missing", f"a folder is not there on the server ({status}); check `url`"
        elif status in _NO_DAV:
            said = (
                "refused_by_server",
                f"there is no WebDAV at this address ({status}); check `url`",
            )
        else:
            return error
        kind = Kind.TRANSIENT if status in _NO_PARENT else Kind.PERMANENT
        other = DeliveryError(*said, kind=kind, http_status=status)
        other.response = error.response
        return other

    def _no_share(self) -> DeliveryError:
        return DeliveryError("answer_broken", f"{self.client.origin} does not speak WebDAV")

    def _move(self, source: str, target: str, stop: threading.Event) -> requests.Response:
        destination = target if self._names_host else urlsplit(target).path
        headers = {"Destination": destination, "Overwrite": "F"}
        return self.client.send(self.client.request("MOVE", source, headers), stop=stop)


def _above(folder: str) -> str | None:
    """The folder that a folder's URL lies in, None for the topmost of a server."""
    path = urlsplit(folder).path.rstrip("/")
    if not path:
        return None
    return folder.rstrip("/").rpartition("/")[0] + "/"
