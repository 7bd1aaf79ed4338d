"""A receipt as it was understood, and the JSON that the sidecar shows of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

Json = dict[str, object]


@dataclass(frozen=True, slots=True, order=True)
class Evidence:
    """Where a value was read: `page` counts from 1, `line` is an index into that page's lines.

    `read_as` is what OCR took the value for, where it was repaired: `1O,5O` that stands for 10,50.
    """

    page: int
    line: int
    read_as: str | None = field(default=None, compare=False)

    def as_json(self) -> Json:
        """This place as the contract writes it."""
        place: Json = {"page": self.page, "line": self.line}
        return place if self.read_as is None else {**place, "read_as": self.read_as}


@dataclass(frozen=True, slots=True)
class Field:
    """One value with the chance that it is right (0 to 1); `value` is None when nothing was found.

    Money is a decimal string, a date or time ISO 8601, a currency ISO 4217.
    """

    value: str | None = None
    confidence: float = 0.0
    evidence: tuple[Evidence, ...] = ()

    def as_json(self) -> Json:
        """This field as the contract writes it."""
        return {
            "value": self.value,
            "confidence": round(self.confidence, 3) if self.value is not None else 0,
            "evidence": [place.as_json() for place in self.evidence],
        }


NOT_FOUND = Field()


@dataclass(frozen=True, slots=True)
class TaxRate:
    """The tax of one rate in percent: what it was taken on, and how much it is."""

    rate: Decimal | None
    net: Decimal | None
    amount: Decimal

    def as_json(self) -> Json:
        """This rate as the contract writes it."""
        return {
            "rate": plain(self.rate),
            "net": None if self.net is None else money(self.net),
            "amount": money(self.amount),
        }


@dataclass(frozen=True, slots=True)
class Item:
    """One position; `total` before its own discount, `unit_price` None where none is printed."""

    description: str
    quantity: Decimal
    unit_price: Decimal | None
    total: Decimal
    confidence: float
    evidence: tuple[Evidence, ...]

    def as_json(self) -> Json:
        """This item as the contract writes it."""
        return {
            "description": self.description,
            "quantity": plain(self.quantity),
            "unit_price": None if self.unit_price is None else money(self.unit_price),
            "total": money(self.total),
            "confidence": round(self.confidence, 3),
            "evidence": [place.as_json() for place in self.evidence],
        }


@dataclass(frozen=True, slots=True)
class Check:
    """One sum that the receipt should obey; `difference` is how far off it is."""

    check: str
    ok: bool
    difference: Decimal

    def as_json(self) -> Json:
        """This check as the contract writes it."""
        return {"check": self.check, "ok": self.ok, "difference": money(self.difference)}


@dataclass(frozen=True, slots=True)
class Receipt:
    """All that was understood; conventions are those of the sidecar's contract."""

    merchant: Field = NOT_FOUND
    address: Field = NOT_FOUND
    phone: Field = NOT_FOUND
    tax_id: Field = NOT_FOUND
    receipt_number: Field = NOT_FOUND
    date: Field = NOT_FOUND
    time: Field = NOT_FOUND
    currency: Field = NOT_FOUND
    total: Field = NOT_FOUND
    subtotal: Field = NOT_FOUND
    tax: Field = NOT_FOUND
    taxes: tuple[TaxRate, ...] = ()
    tip: Field = NOT_FOUND
    discount: Field = NOT_FOUND
    rounding: Field = NOT_FOUND
    paid: Field = NOT_FOUND
    change: Field = NOT_FOUND
    payment_method: Field = NOT_FOUND
    items: tuple[Item, ...] = ()
    checks: tuple[Check, ...] = ()
    needs_review: bool = False
    reasons: tuple[str, ...] = field(default=())

    def as_json(self) -> Json:
        """The `receipt` object of the sidecar."""
        answer: Json = {}
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, Field):
                answer[name] = value.as_json()
            elif name == "reasons":
                answer[name] = list(value)
            elif isinstance(value, tuple):
                answer[name] = [part.as_json() for part in value]
            else:
                answer[name] = value
        return answer


def money(value: Decimal) -> str:
    """An amount as a decimal string, with at least two places: `24.23`, `-3.00`, `1.259`."""
    places = -int(value.as_tuple().exponent)
    text = f"{value:.{max(2, places)}f}"
    return text.removeprefix("-") if not value else text


def plain(value: Decimal | None) -> str | None:
    """A quantity or rate as a decimal string without idle zeros: `19`, `0.512`."""
    if value is None:
        return None
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
