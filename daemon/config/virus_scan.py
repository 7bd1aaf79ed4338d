"""The section of the virus scanner."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema

from daemon.config.section import Section
from daemon.config.units import Wait, parse_path


def parse_clamd(value: object, info: ValidationInfo) -> str:
    """The absolute path of a socket, or HOST:PORT; raises ValueError with examples."""
    if not isinstance(value, str) or not value:
        raise ValueError("write the socket's path, such as /run/clamav/clamd.ctl, or host:3310")
    if "/" in value:
        return str(parse_path(value, info))
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port[:6]) <= 65535:
        raise ValueError(
            f"{value!r} is no address; write a path such as /run/clamav/clamd.ctl, or host:3310"
        )
    return value


ClamdAddress = Annotated[
    str, BeforeValidator(parse_clamd), WithJsonSchema({"type": "string", "minLength": 1})
]


class VirusScanConfig(Section):
    """The clamd that every file has to pass before it is parsed, read or delivered."""

    clamd: ClamdAddress = Field(examples=["/run/clamav/clamd.ctl", "127.0.0.1:3310"])
    when_down: Literal["wait", "reject", "pass"] = Field(
        "wait", description="what becomes of a file that clamd gives no verdict on"
    )
    timeout: Wait = Field(150.0, description="for one file; clamd itself gives up after 120s")
