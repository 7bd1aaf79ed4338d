"""What `inboxd check` finds out about a cloud of Cloudinary, with nothing uploaded."""

from __future__ import annotations

import base64
import time
from typing import Final
from urllib.parse import urlencode

from daemon.config.destinations import CloudinaryDestinationConfig
from daemon.delivery.cloudinary import api
from daemon.delivery.destination import JSON, Finding
from daemon.delivery.reach import failure, findings_of_answer, findings_of_fault, let_in, unknown
from daemon.delivery.transport.client import Client
from daemon.errors import InboxdError

_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_MISSES_THE_FILE: Final = "parameter - file"


def check_cloud(
    client: Client, config: CloudinaryDestinationConfig, base: str, secret: str | None
) -> list[Finding]:
    """Ask for an upload without a file, which is refused for that or for what is wrong.

    Args: `base` is the address of the cloud; `secret` is None where uploads are not signed. Never
    raises.
    """
    fields = {"upload_preset": config.upload_preset} if config.upload_preset else {}
    if secret is not None:
        fields = api.signed(fields, config, secret, time.time())
    request = client.request("POST", f"{base}/{config.resource_type}/upload", _FORM)
    try:
        response = client.send(request, urlencode(fields).encode())
    except InboxdError as error:
        return findings_of_fault(client.origin, error)
    *way, last = findings_of_answer(client.origin, response, verified=config.verify is not False)
    refused = client.refusal(response)
    said = api.complaint(refused.response, response.headers)
    answers = Finding("answer", True, f"the server answers ({response.status_code})")
    if response.status_code == 400 and _MISSES_THE_FILE in said:
        how = "signed" if config.signed else "by the preset"
        return [
            *way,
            answers,
            let_in(),
            Finding("place", True, f"the cloud {config.cloud} is there"),
            Finding("rights", True, f"uploads are taken {how}"),
            _quota(client, config, base, secret),
        ]
    cap = client.limits.retry_after_cap
    meant = api.explained(refused, response.headers, now=time.time(), cap=cap)
    if response.status_code == 404 and said:
        return [*way, answers, failure(meant, subject="place")]
    if meant.code in api.NOT_LET_IN:
        subject = "auth" if meant.code == "auth_refused" else None
        return [*way, answers, failure(meant, subject=subject)]
    if last.ok:
        more = f": {said}" if said else ""
        message = f"this is not how Cloudinary answers ({response.status_code}){more}"
        last = Finding("place", False, f"{message}; check `endpoint` and `cloud`")
        return [*way, answers, last]
    return [*way, last]


def _quota(
    client: Client, config: CloudinaryDestinationConfig, base: str, secret: str | None
) -> Finding:
    """What is left of the plan's credits, which a key may ask for.

    https://cloudinary.com/documentation/admin_api_overview
    """
    (otherwise,) = unknown("quota")
    if secret is None:
        return otherwise
    key = base64.b64encode(f"{config.api_key}:{secret}".encode()).decode()
    try:
        request = client.request("GET", f"{base}/usage", {"Authorization": f"Basic {key}"})
        plan = client.answer(client.send(request)).get("credits")
    except InboxdError:
        return otherwise
    used: JSON = plan.get("used_percent") if isinstance(plan, dict) else None
    if not isinstance(used, int | float):
        return otherwise
    if used >= 100:
        message = f"{used:.0f} % of the plan's credits are used; raise it or make room there"
        return Finding("quota", False, message)
    return Finding("quota", True, f"{used:.0f} % of the plan's credits are used")
