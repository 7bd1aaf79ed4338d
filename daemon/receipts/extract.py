"""The way from lines with positions to a receipt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from daemon.receipts.arithmetic import (
    ITEMS_SUM,
    Parts,
    checks_of,
    confirming,
    contradicting,
)
from daemon.receipts.confidence import Chosen, certainty, lead_of
from daemon.receipts.contact import phone_of, receipt_number_of, tax_id_of
from daemon.receipts.currency import currency_of, writes_month_first
from daemon.receipts.dates import purchase_date
from daemon.receipts.items import Positions, items_of
from daemon.receipts.layout import rows_of
from daemon.receipts.lines import Printed, Text, understood
from daemon.receipts.merchant import merchant_of
from daemon.receipts.model import NOT_FOUND, Check, Field, Receipt, TaxRate, money
from daemon.receipts.payment import Payment, payment_of
from daemon.receipts.recognition import is_receipt, is_refund
from daemon.receipts.statements import Kind, Statement, statements_of
from daemon.receipts.taxes import stated_taxes, taxes_of
from daemon.receipts.text import PageText
from daemon.receipts.totals import Candidate, candidates_of, facts_of

_SURE = 0.7
"""Below this a person should look at a total or a date."""
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class _Sums:
    """The amounts between items and total."""

    subtotal: Printed | None
    service: Printed | None
    tip: Printed | None
    rounding: Printed | None
    coupons: tuple[Printed, ...]
    item_discounts: tuple[Printed, ...]


def extract(pages: Sequence[PageText]) -> Receipt:
    """What the pages say about one purchase.

    A document that is no receipt gives a receipt without values and the reason `not_a_receipt`.
    Work is bounded, whatever the text is.
    """
    text = understood(rows_of(pages))
    statements = statements_of(text.lines)
    if not is_receipt(text, statements):
        return Receipt(needs_review=True, reasons=("not_a_receipt",))
    refund = is_refund(text.lines)
    positions = items_of(text.lines, statements, refund=refund)
    candidates = candidates_of(text, statements, facts_of(statements, positions.whole))
    return _receipt(text, statements, positions, candidates, refund=refund)


def _receipt(
    text: Text,
    statements: Sequence[Statement],
    positions: Positions,
    candidates: Sequence[Candidate],
    *,
    refund: bool,
) -> Receipt:
    lines = text.lines
    value = candidates[0].value if candidates else None
    currency = currency_of(lines, text.languages)
    date, time = purchase_date(lines, writes_month_first(lines, currency.value))
    merchant, address = merchant_of(text)
    taxes, tax = taxes_of(lines, statements)
    payment = payment_of(lines, statements, value)
    sums = _sums_of(statements, positions)
    checks = _checks(
        value,
        positions=positions,
        sums=sums,
        tax=tax,
        taxes=taxes,
        payment=payment,
        stated=stated_taxes(statements),
    )
    total = _total(candidates, checks, refund=refund)
    reasons = _reasons(candidates, total, date, checks)
    return Receipt(
        merchant=merchant,
        address=address,
        phone=phone_of(lines),
        tax_id=tax_id_of(lines),
        receipt_number=receipt_number_of(lines),
        date=date,
        time=time,
        currency=currency,
        total=total,
        subtotal=_field(sums.subtotal, 0.88),
        tax=tax,
        taxes=taxes,
        tip=_field(sums.tip, 0.85),
        discount=_discount(sums),
        rounding=_field(sums.rounding, 0.9),
        paid=payment.paid,
        change=payment.change,
        payment_method=payment.method,
        items=positions.items,
        checks=checks,
        needs_review=bool(reasons),
        reasons=reasons,
    )


def _sums_of(statements: Sequence[Statement], positions: Positions) -> _Sums:
    first: dict[Kind, Printed] = {}
    for statement in statements:
        if not statement.in_summary:
            first.setdefault(statement.kind, statement.amounts[-1])
    among_items = {printed.place for printed in positions.discounts}
    coupons = tuple(
        statement.amounts[-1]
        for statement in statements
        if statement.kind is Kind.DISCOUNT
        and statement.amounts[-1].place not in among_items
        and statement.amounts[-1].value
    )
    whole = sum((abs(printed.value) for printed in positions.discounts), _ZERO)
    if len(coupons) == 1 and abs(coupons[0].value) == whole:
        coupons = ()  # the sum of the discounts that the items already name
    return _Sums(
        subtotal=first.get(Kind.SUBTOTAL),
        service=first.get(Kind.SERVICE),
        tip=first.get(Kind.TIP),
        rounding=first.get(Kind.ROUNDING),
        coupons=coupons,
        item_discounts=positions.discounts,
    )


def _checks(
    total: Decimal | None,
    *,
    positions: Positions,
    sums: _Sums,
    tax: Field,
    taxes: tuple[TaxRate, ...],
    payment: Payment,
    stated: tuple[Decimal, ...],
) -> tuple[Check, ...]:
    if total is None:
        return ()
    parts = Parts(
        total=total,
        items=positions.whole,
        subtotal=_value(sums.subtotal),
        tax=_decimal(tax),
        service=_value(sums.service),
        tip=_value(sums.tip),
        coupon=sum((abs(printed.value) for printed in sums.coupons), _ZERO),
        rounding=_value(sums.rounding),
        paid=_decimal(payment.paid),
        change=_decimal(payment.change),
        taxes=taxes,
        stated_taxes=stated,
    )
    return checks_of(parts)


def _total(candidates: Sequence[Candidate], checks: tuple[Check, ...], *, refund: bool) -> Field:
    if not candidates:
        return NOT_FOUND
    best = candidates[0]
    confidence = certainty(Chosen(best, lead_of(candidates), checks))
    value = best.value
    if refund and value > 0:
        value = -value  # the contract's sign for money that went back
    places = [best.printed.place]
    if best.statement is not None and best.statement.below:
        places = [*best.statement.line.row.places, *places]
    return Field(money(value), confidence, tuple(places))


def _reasons(
    candidates: Sequence[Candidate], total: Field, date: Field, checks: Sequence[Check]
) -> tuple[str, ...]:
    reasons: list[str] = []
    if total.value is None:
        reasons.append("no_total")
    elif total.confidence < _SURE:
        reasons.append("total_uncertain")
    if candidates and candidates[0].printed.mended and not confirming(checks):
        reasons.append("total_mended")
    if date.value is None:
        reasons.append("no_date")
    elif date.confidence < _SURE:
        reasons.append("date_uncertain")
    wrong = contradicting(checks)
    if confirming(checks):
        wrong.discard(ITEMS_SUM)
    reasons.extend(f"{name}_fails" for name in sorted(wrong))
    return tuple(reasons)


def _discount(sums: _Sums) -> Field:
    amounts = sums.coupons + sums.item_discounts
    if not amounts:
        return NOT_FOUND
    whole = sum((abs(printed.value) for printed in amounts), _ZERO)
    return Field(money(whole), 0.8, tuple(printed.place for printed in amounts))


def _field(printed: Printed | None, confidence: float) -> Field:
    if printed is None:
        return NOT_FOUND
    return Field(money(printed.value), confidence * printed.seen, (printed.place,))


def _value(printed: Printed | None) -> Decimal | None:
    return None if printed is None else printed.value


def _decimal(field: Field) -> Decimal | None:
    return None if field.value is None else Decimal(field.value)
