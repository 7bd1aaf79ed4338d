"""What Cloudinary's upload API asks for and answers, by the vendor's documentation; pure.

https://cloudinary.com/documentation/image_upload_api_reference and, for signatures,
https://cloudinary.com/documentation/authentication_signatures
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import Final

from daemon.config import template
from daemon.config.destinations import CloudinaryDestinationConfig
from daemon.delivery import verdict
from daemon.delivery.destination import JSON, Parcel
from daemon.delivery.naming import facts_of
from daemon.delivery.transport.body import readable_bytes
from daemon.errors import DeliveryError, Kind

RATE_LIMITED: Final = 420
NOT_LET_IN: Final = frozenset({"auth_refused", "preset_refused", "clock_wrong"})
"""Codes of our own for what is wrong with a key, a preset or this machine's clock."""
_LONGEST_ID: Final = 255
_NOT_IN_ID: Final = frozenset('?&#\\%<>+"')
_PARSED_TYPES: Final = frozenset({"image", "video", "audio"})
_NOT_SIGNED: Final = frozenset({"file", "cloud_name", "resource_type", "api_key"})
_TOLD: Final = (
    "asset_id", "public_id", "version", "version_id", "resource_type", "type", "format", "width",
    "height", "pages", "duration", "bytes", "etag", "created_at", "url", "secure_url", "folder",
    "asset_folder", "display_name", "original_filename", "existing", "status", "batch_id",
)  # fmt: skip
"""What is kept of an answer; it may also have a token with which anyone can delete the asset."""


def upload_fields(
    config: CloudinaryDestinationConfig, parcel: Parcel, secret: str | None, now: float
) -> dict[str, str]:
    """The form fields of an upload, signed where there is a `secret`; `now` is since 1970."""
    facts = facts_of(parcel)
    fields = {
        "upload_preset": config.upload_preset or "",
        "folder": tidy(template.render(config.folder or "", facts)),
        "asset_folder": tidy(template.render(config.asset_folder or "", facts)),
        "public_id": public_id(config, parcel),
    }
    fields = {name: value for name, value in fields.items() if value}
    if secret is None:
        return fields
    fields["overwrite"] = "true" if config.overwrite else "false"
    return signed(fields, config, secret, now)


def signed(
    fields: Mapping[str, str], config: CloudinaryDestinationConfig, secret: str, now: float
) -> dict[str, str]:
    """Fields with what proves that we know the secret; good for an hour."""
    stamped = {**fields, "timestamp": str(int(now))}
    proof = signature(stamped, secret, config.signature)
    return {**stamped, "api_key": config.api_key or "", "signature": proof}


def signature(fields: Mapping[str, str], secret: str, algorithm: str) -> str:
    """The hexadecimal digest of the sorted fields and the secret."""
    pairs = sorted(f"{name}={value}" for name, value in fields.items() if name not in _NOT_SIGNED)
    return hashlib.new(algorithm, readable_bytes("&".join(pairs) + secret)).hexdigest()


def public_id(config: CloudinaryDestinationConfig, parcel: Parcel) -> str:
    """What the asset is called, "" to leave that to Cloudinary.

    What is kept as it is (`raw`) gets the suffix, without which it would have no type.
    """
    name = tidy(template.render(config.public_id, facts_of(parcel)))
    suffix = tidy(os.path.splitext(parcel.name)[1])
    if name and suffix and _is_raw(config, parcel) and not name.endswith(suffix):
        name += suffix
    if len(name) > _LONGEST_ID:
        name = f"{name[:180].rstrip(' /')}-{parcel.sha256}"
    return name


def names_content(config: CloudinaryDestinationConfig) -> bool:
    """Whether an asset of the same name can only be the same file, or is left to Cloudinary."""
    return not config.public_id or "{sha256}" in config.public_id or "{job}" in config.public_id


def tidy(text: str) -> str:
    """A name or folder that Cloudinary takes: no character that it refuses, no empty step."""
    text = readable_bytes(text).decode()
    plain = "".join("_" if c in _NOT_IN_ID or not c.isprintable() else c for c in text)
    steps = (step.strip() for step in plain.split("/"))
    return "/".join(step for step in steps if step not in ("", ".", ".."))


def upload_id(parcel: Parcel, number: int) -> str:
    """The X-Unique-Upload-Id of the `number`th time that a delivery is begun in chunks."""
    return hashlib.sha256(f"{parcel.idempotency_key}/{number}".encode()).hexdigest()[:32]


def told(answer: Mapping[str, JSON]) -> dict[str, JSON]:
    """What is kept of an answer that took a file.

    Raises DeliveryError `protocol_broken` where it is not one, as from a login page.
    """
    if not isinstance(answer.get("public_id"), str):
        raise DeliveryError("protocol_broken", "the answer does not say what became of the file")
    return {name: answer[name] for name in _TOLD if name in answer}


def explained(
    error: DeliveryError,
    headers: Mapping[str, str],
    *,
    now: float,
    cap: float,
) -> DeliveryError:
    """An error for a refusal, told as what Cloudinary means by it (`{"error": {"message"}}`)."""
    said = complaint(error.response, headers).lower()
    status = error.http_status
    if status == RATE_LIMITED:
        asked = headers.get("Retry-After") or headers.get("X-FeatureRateLimit-Reset")
        pause = verdict.retry_after(asked, now, cap)
        return _again(error, "too_many_requests", "Cloudinary asks for fewer requests", pause)
    if "stale request" in said:
        return _again(error, "clock_wrong", "our signature is too old; set this machine's clock")
    if error.kind is not Kind.PERMANENT:
        return error
    if "upload preset" in said or "upload_preset" in said:
        return _anew(
            error, "preset_refused", "check `upload_preset`, and that it allows unsigned uploads"
        )
    if "file size too large" in said:
        return _anew(error, "too_large_for_server", "the file is larger than the account allows")
    if status == 409:
        return _anew(error, "name_taken", "another asset has the name; change `public_id`")
    if status in (401, 403):
        advice = "Cloudinary does not let us in; check `cloud`, `api_key` and its secret"
        return _anew(error, "auth_refused", advice)
    if status == 404:
        return _anew(error, error.code, "Cloudinary knows no such cloud; check `cloud`")
    return error


def complaint(answer: Mapping[str, JSON], headers: Mapping[str, str]) -> str:
    """What Cloudinary says is wrong, "" where it says nothing."""
    fault = answer.get("error")
    said = fault.get("message") if isinstance(fault, dict) else None
    return said if isinstance(said, str) else headers.get("X-Cld-Error", "")


def _again(
    error: DeliveryError, code: str, message: str, pause: float | None = None
) -> DeliveryError:
    told = _anew(error, code, message, Kind.TRANSIENT)
    told.retry_after = pause
    return told


def _anew(
    error: DeliveryError, code: str, message: str, kind: Kind = Kind.PERMANENT
) -> DeliveryError:
    status = error.http_status
    told = DeliveryError(code, f"{message} ({status})", kind=kind, http_status=status)
    told.response = error.response
    return told


def _is_raw(config: CloudinaryDestinationConfig, parcel: Parcel) -> bool:
    if config.resource_type != "auto":
        return config.resource_type == "raw"
    top = parcel.media_type.partition("/")[0]
    return top not in _PARSED_TYPES and parcel.media_type != "application/pdf"
