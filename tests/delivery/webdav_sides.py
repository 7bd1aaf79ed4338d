"""WebDAV servers for tests, each with a user of ours, and a share on one of them."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from daemon.config.destinations import WebdavDestinationConfig
from daemon.delivery.webdav.destination import WebdavDestination
from tests.delivery.contract import Kept, ServerSide, folder_kept
from tests.delivery.parcels import PATIENT
from tests.delivery.proxy import Proxy
from tests.delivery.servers import Servers, free_port, program

NAME, PASSWORD, REALM = "keeper", "open sesame", "shares"


@dataclass(frozen=True, slots=True)
class Running:
    """A server, the folder that is its root, and how it wants to be told who we are."""

    port: int
    root: Path
    auth: str


class ShareSide(ServerSide):
    """A folder of its own below a server's root, as `keeper` may use it."""

    def __init__(self, running: Running, proxy: Proxy, password: Path) -> None:
        self.proxy = proxy
        self.auth = {"type": running.auth, "username": NAME, "password_file": str(password)}
        self.path = running.root / str(len(list(running.root.iterdir())))
        self.opened: list[WebdavDestination] = []
        with contextlib.closing(self.destination(url=self.proxy.url)) as asking:
            # A server may remember what was not there, so it has to make the folder itself.
            asking._share.make_folder(self.url, threading.Event())

    @property
    def url(self) -> str:
        return self.proxy.url + self.path.name + "/"

    def destination(self, **options: object) -> WebdavDestination:
        config = {"type": "webdav", "url": self.url, "auth": self.auth, "timeout": PATIENT}
        section = WebdavDestinationConfig.model_validate({**config, **options})
        made = WebdavDestination("share", section)
        self.opened.append(made)
        return made

    def kept(self) -> list[Kept]:
        return folder_kept(self.path)

    def close(self) -> None:
        for destination in self.opened:
            destination.close()
            destination.close()


class SizesSide(ShareSide):
    """A share whose files are too large to be looked into."""

    def kept(self) -> list[Kept]:
        return [Kept(path.name, path.stat().st_size, None) for path in self.path.iterdir()]


class WsgidavSide(ShareSide):
    """wsgidav decodes a Destination before it takes it apart, so a MOVE ends at ; ? and #."""

    def as_named(self, name: str) -> str:
        text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        return re.split("[;?#]", re.sub("[\r\n]", "", text))[0]


def share_on(
    running: Running, folder: Path, kind: type[ShareSide] = ShareSide
) -> Iterator[ShareSide]:
    """A new share on a server, behind a proxy; for fixtures."""
    password = folder / "dav-password"
    password.write_text(PASSWORD)
    with Proxy(running.port) as proxy:
        side = kind(running, proxy, password)
        proxy.forget()
        yield side
        side.close()


def start_rclone(servers: Servers) -> Running:
    """rclone serve webdav, with basic authentication."""

    def start() -> Running:
        port, root = free_port(), servers.folder("rclone")
        command = [program("rclone"), "--config", "/dev/null", "serve", "webdav", str(root)]
        options = ["--addr", f"127.0.0.1:{port}", "--user", NAME, "--pass", PASSWORD]
        servers.run([*command, *options], port)
        return Running(port, root, "basic")

    return servers.once("rclone webdav", start)


def start_wsgidav(servers: Servers) -> Running:
    """wsgidav under cheroot, with digest authentication."""

    def start() -> Running:
        port, folder = free_port(), servers.folder("wsgidav")
        root = folder / "root"
        root.mkdir()
        digest = {"accept_basic": False, "accept_digest": True, "default_to_digest": True}
        config = {
            "host": "127.0.0.1",
            "port": port,
            "server": "cheroot",
            "provider_mapping": {"/": str(root)},
            "http_authenticator": digest,
            "simple_dc": {"user_mapping": {"*": {NAME: {"password": PASSWORD}}}},
            "verbose": 1,
        }
        path = folder / "wsgidav.json"
        path.write_text(json.dumps(config))
        command = [sys.executable, "-m", "wsgidav.server.server_cli", "--config", str(path)]
        servers.run(command, port)
        return Running(port, root, "digest")

    return servers.once("wsgidav", start)


def start_apache(servers: Servers, auth: str) -> Running:
    """Apache with mod_dav, with basic or digest authentication."""

    def start() -> Running:
        port, folder = free_port(), servers.folder(f"apache-{auth}")
        root, state = folder / "root", folder / "state"
        for path in (root, state):
            path.mkdir()
            path.chmod(0o777)
        users = folder / "users"
        users.write_text(_apache_user(auth))
        config = folder / "apache.conf"
        config.write_text(_apache_config(port, folder, auth))
        servers.run(["apache2", "-f", str(config), "-D", "FOREGROUND"], port)
        return Running(port, root, auth)

    return servers.once(f"apache {auth}", start)


def _apache_user(auth: str) -> str:
    if auth == "basic":
        sha1 = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
        return f"{NAME}:{{SHA}}{sha1}\n"
    secret = hashlib.md5(f"{NAME}:{REALM}:{PASSWORD}".encode()).hexdigest()
    return f"{NAME}:{REALM}:{secret}\n"


def _apache_config(port: int, folder: Path, auth: str) -> str:
    modules = (
        "mpm_event authn_core authn_file authz_core authz_user auth_basic auth_digest dav dav_fs"
    )
    loaded = "\n".join(
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so"
        for name in modules.split()
    )
    return f"""{loaded}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/pid
ErrorLog /dev/stderr
LogLevel warn
User www-data
Group www-data
DocumentRoot {folder}/root
DavLockDB {folder}/state/locks
LimitRequestBody 0
<Directory {folder}/root>
  Dav On
  DavDepthInfinity Off
  AuthType {auth.capitalize()}
  AuthName {REALM}
  AuthUserFile {folder}/users
  Require valid-user
</Directory>
"""
