"""The section `ocr`: which engine reads, how, and in how many processes."""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import Field, model_validator

from daemon.config.auth import SecretSource
from daemon.config.section import Section
from daemon.config.units import Count, LocalPath, Size, Wait
from daemon.config.words import Url

OCRSPACE: Final = "https://api.ocr.space/parse/image"

Language = Literal[
    "cs", "da", "de", "en", "es", "fi", "fr", "hr", "hu",
    "it", "ms", "nl", "pl", "pt", "sl", "sv", "tr",
]  # fmt: skip
"""ISO 639-1."""

_ONLY_OCRSPACE = ("endpoint", "key_file", "key_env", "credential", "model", "max_upload")


class OcrConfig(Section):
    """Which engine reads, and in how many processes."""

    engine: str = "rapid"
    profile: Literal["accurate", "fast"] = Field(
        "accurate", description="of the engine rapid: fast takes a third of the time"
    )
    runtime: Literal["auto", "onnxruntime", "openvino"] = Field(
        "auto", description="of the engine rapid: auto takes openvino where it is installed"
    )
    languages: tuple[Language, ...] = Field(
        (), description="of tesseract and ocrspace; rapid reads all of them at once"
    )
    words: LocalPath | None = Field(
        None, description="a folder of .toml files with more words of receipts"
    )
    processes: Count = 2
    timeout: Wait = 60.0
    endpoint: Url = OCRSPACE
    key_file: LocalPath | None = None
    key_env: str | None = None
    credential: str | None = Field(
        None, description="the name given to LoadCredential= in the unit"
    )
    model: Literal[1, 2, 3] = Field(2, description="OCR.space calls it OCREngine")
    max_upload: Size = Field(1_000_000, ge=50_000, description="what the plan takes as one file")

    @property
    def key(self) -> SecretSource:
        """Where the key of OCR.space is read from."""
        return SecretSource(self.key_file, self.key_env, self.credential)

    @model_validator(mode="after")
    def _fits_the_engine(self) -> Self:
        given = [at for at in (self.key_file, self.key_env, self.credential) if at is not None]
        if self.engine == "ocrspace" and len(given) != 1:
            count = "no source" if not given else f"{len(given)} sources"
            raise ValueError(
                f"the key of OCR.space has {count}; give exactly one of key_file, key_env and "
                "credential (a free key comes by mail from https://ocr.space/ocrapi/freekey)"
            )
        if self.engine != "ocrspace":
            for key in _ONLY_OCRSPACE:
                if key in self.model_fields_set:
                    raise ValueError(f"{key} is only of use with engine: ocrspace")
        return self
