"""The shape of a sidecar, version 1: what a reader may rely on and `inboxd schema` prints."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Money = Annotated[str, Field(pattern=r"^-?\d+(\.\d+)?$", examples=["24.23"])]
Confidence = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """Base of all parts: every key is written, none that is not named here."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class FileFacts(Part):
    """The file as it was when it was taken in; times are UTC, `path` is relative to the inbox."""

    name: str
    path: str
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None
    media_type: str | None
    received: datetime
    modified: datetime


class Check(Part):
    """One thing that validation looked at; a failed one that refused nothing is a note."""

    check: str
    ok: bool
    detail: str


class Fault(Part):
    """What went wrong, by a stable code and in a sentence."""

    code: str
    message: str
    kind: Literal["transient", "permanent", "environment"]


class Delivery(Part):
    """What became of the delivery to one destination."""

    destination: str
    state: Literal["pending", "delivered", "failed"]
    location: str | None
    bytes: int | None
    attempts: int
    http_status: int | None
    delivered: datetime | None
    response: dict[str, Any]
    error: Fault | None = None
    """Only where the delivery failed."""


class Line(Part):
    """One run of text; `box` is x0, y0 to x3, y3 in pixels, clockwise from the top left."""

    text: str
    confidence: Confidence
    box: Annotated[list[float], Field(min_length=8, max_length=8)]


class Page(Part):
    """One page, upright; `rotation` in degrees clockwise is what made it so."""

    number: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=0)]
    height: Annotated[int, Field(ge=0)]
    rotation: float
    lines: list[Line]


class Ocr(Part):
    """All text that was read; pages are parted by a form feed in `text`."""

    engine: str
    version: str
    seconds: Annotated[float, Field(ge=0)]
    text: str
    pages: list[Page]


class ReadingFault(Part):
    """Why a file that was accepted could not be read."""

    code: str
    message: str


class OcrFailed(Part):
    """Stands in place of the text when reading failed."""

    error: ReadingFault


class Evidence(Part):
    """Where a value was read: a page from 1, and an index into its lines."""

    page: Annotated[int, Field(ge=1)]
    line: Annotated[int, Field(ge=0)]
    read_as: str | None = None
    """What OCR took the value for; only where it was repaired, as 1O,5O is to 10,50."""


class Found(Part):
    """A value with the chance that it is right."""

    value: str | None
    confidence: Confidence
    evidence: list[Evidence]


class Amount(Part):
    """An amount of money with the chance that it is right; a decimal string."""

    value: Money | None
    confidence: Confidence
    evidence: list[Evidence]


class Tax(Part):
    """The tax of one rate, in percent."""

    rate: Money | None
    net: Money | None
    amount: Money


class Item(Part):
    """One position; `total` is before its own discount."""

    description: str
    quantity: Money
    unit_price: Money | None
    total: Money
    confidence: Confidence
    evidence: list[Evidence]


class Sum(Part):
    """One sum that a receipt should obey, and how far off it is."""

    check: str
    ok: bool
    difference: Money


class Receipt(Part):
    """What was understood of a receipt; a field that was not found is null."""

    merchant: Found | None
    address: Found | None
    phone: Found | None
    tax_id: Found | None
    receipt_number: Found | None
    date: Found | None
    """ISO 8601."""
    time: Found | None
    """ISO 8601."""
    currency: Found | None
    """ISO 4217."""
    total: Amount | None
    """What was paid for the goods, after cash rounding and tip."""
    subtotal: Amount | None
    """After item discounts and before a coupon on the whole."""
    tax: Amount | None
    """The sum over the printed rates."""
    taxes: list[Tax]
    tip: Amount | None
    discount: Amount | None
    """Positive; item discounts included."""
    rounding: Amount | None
    paid: Amount | None
    change: Amount | None
    payment_method: Found | None
    items: list[Item]
    checks: list[Sum]
    needs_review: bool
    reasons: list[str]


class Timings(Part):
    """Seconds that each part of the way took."""

    settle: float
    validate_: Annotated[float, Field(alias="validate")]
    deliver: float
    read: float
    total: float


class Sidecar(Part):
    """One file that ended: where it came from, what was found, where it went."""

    schema_: Annotated[Literal["inboxd/sidecar/1"], Field(alias="schema")]
    job: str
    inbox: str
    status: Literal["done", "rejected", "failed", "duplicate", "cancelled"]
    file: FileFacts
    checks: list[Check]
    deliveries: list[Delivery]
    ocr: Ocr | OcrFailed | None
    receipt: Receipt | None
    error: Fault | None
    timings: Timings
