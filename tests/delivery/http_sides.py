"""HTTP servers for tests: nginx that stores what is PUT, httpbin that repeats what it is sent."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon.delivery.destination import Destination
from tests.delivery.contract import Kept, ServerSide, folder_kept
from tests.delivery.parcels import http_destination
from tests.delivery.proxy import Fault, Passed, Proxy
from tests.delivery.servers import Servers, free_port, free_ports, program
from tests.receiver import CERTIFICATE, CLIENT_CERTIFICATE, KEY


@dataclass(frozen=True, slots=True)
class Nginx:
    """nginx with TLS: `port` takes PUTs into `root`, and says 429 to hurried ones below /hurried/.

    `mutual_port` takes them from clients with a certificate only. No body may exceed 10 MB but on
    `port`.
    """

    port: int
    mutual_port: int
    root: Path


def start_nginx(servers: Servers) -> Nginx:
    """nginx with the certificate for localhost."""

    def start() -> Nginx:
        folder = servers.folder("nginx")
        root = folder / "root"
        for path in (root, root / "hurried", folder / "state"):
            path.mkdir()
            path.chmod(0o777)
        nginx = Nginx(*free_ports(2), root)
        config = folder / "nginx.conf"
        config.write_text(_nginx_config(nginx, folder))
        command = ["nginx", "-p", str(folder), "-e", "stderr", "-c", str(config)]
        servers.run([*command, "-g", "daemon off;"], nginx.port)
        return nginx

    return servers.once("nginx", start)


def _nginx_config(nginx: Nginx, folder: Path) -> str:
    temporary = "\n".join(
        f"  {name}_temp_path {folder}/state/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    tls = f"""    ssl_certificate {CERTIFICATE};
    ssl_certificate_key {KEY};
    root {nginx.root};
    dav_methods PUT DELETE;"""
    return f"""pid {folder}/state/pid;
error_log stderr warn;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log off;
  absolute_redirect off;
{temporary}
  client_max_body_size 10m;
  limit_req_zone $server_name zone=hurried:1m rate=1r/m;
  limit_req_status 429;
  server {{
    listen 127.0.0.1:{nginx.port} ssl;
    server_name localhost;
{tls}
    location / {{ client_max_body_size 0; }}
    location /hurried/ {{
      limit_req zone=hurried;
      error_page 429 @later;
    }}
    location /small/ {{ client_max_body_size 10m; }}
    location @later {{
      add_header Retry-After 1 always;
      return 429;
    }}
  }}
  server {{
    listen 127.0.0.1:{nginx.mutual_port} ssl;
    server_name localhost;
{tls}
    ssl_client_certificate {CLIENT_CERTIFICATE};
    ssl_verify_client on;
  }}
}}
"""


class NginxSide(ServerSide):
    """A folder of nginx into which files are PUT."""

    def __init__(self, nginx: Nginx, proxy: Proxy) -> None:
        self.proxy = proxy
        self.path = nginx.root / str(len(list(nginx.root.iterdir())))
        self.path.mkdir()
        self.path.chmod(0o777)
        self.opened: list[Destination] = []

    def destination(self, **options: object) -> Destination:
        url = f"{self.proxy.url}{self.path.name}/"
        config = {"method": "PUT", "verify": str(CERTIFICATE), **options}
        made = http_destination(url, **config)
        self.opened.append(made)
        return made

    def kept(self) -> list[Kept]:
        return folder_kept(self.path)

    def close(self) -> None:
        for destination in self.opened:
            destination.close()
            destination.close()


class SizesSide(NginxSide):
    """A folder of nginx whose files are too large to be looked into."""

    def kept(self) -> list[Kept]:
        return [Kept(path.name, path.stat().st_size, None) for path in self.path.iterdir()]


def nginx_side(nginx: Nginx, kind: type[NginxSide] = NginxSide) -> Iterator[NginxSide]:
    """A new folder on nginx, behind a proxy that speaks TLS too; for fixtures."""
    with Proxy(nginx.port, tls=True) as proxy:
        side = kind(nginx, proxy)
        yield side
        side.close()


def start_httpbin(servers: Servers) -> int:
    """httpbin under gunicorn; returns its port."""

    def start() -> int:
        port = free_port()
        options = ["-k", "gthread", "--threads", "8", "--bind", f"127.0.0.1:{port}"]
        servers.run([program("gunicorn"), *options, "httpbin:app"], port)
        return port

    return servers.once("httpbin", start)


class RememberingProxy(Proxy):
    """A proxy that keeps, for whoever asks, all that came by, also what it is told to forget."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.all: list[Passed] = []

    def took(self, request: Passed) -> Fault:
        """Note a request and say what becomes of it."""
        self.all.append(request)
        return super().took(request)


class HttpbinSide(ServerSide):
    """httpbin, which keeps nothing: what it has read is what it says, heard or lost on the way.

    Like a server that goes by the Idempotency-Key, it counts what comes again with one as the same.
    """

    def __init__(self, proxy: RememberingProxy) -> None:
        self.proxy: RememberingProxy = proxy
        self.opened: list[Destination] = []

    def destination(self, **options: object) -> Destination:
        made = http_destination(f"{self.proxy.url}post", data={"name": "{name}"}, **options)
        self.opened.append(made)
        return made

    def kept(self) -> list[Kept]:
        told = [json.loads(p.answer) for p in self.proxy.all if p.status == 200 and p.answer]
        return list({each["headers"]["Idempotency-Key"]: _as_kept(each) for each in told}.values())

    def as_named(self, name: str) -> str:
        return name.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def close(self) -> None:
        for destination in self.opened:
            destination.close()
            destination.close()


def _as_kept(told: Mapping[str, Any]) -> Kept:
    content = told["files"]["file"]
    if content.startswith("data:"):
        plain = base64.b64decode(content.partition(",")[2])
    else:
        plain = content.encode()
    return Kept(told["form"]["name"], len(plain), hashlib.sha256(plain).hexdigest())


def httpbin_side(port: int) -> Iterator[HttpbinSide]:
    """httpbin behind a proxy; for fixtures."""
    with RememberingProxy(port) as proxy:
        side = HttpbinSide(proxy)
        yield side
        side.close()
