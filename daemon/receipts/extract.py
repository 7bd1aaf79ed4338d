"""The way from lines with positions to a receipt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from daemon.receipts.account import Account, Sums, account_of
from daemon.receipts.arithmetic import ITEMS_SUM, confirming, contradicting
from daemon.receipts.confidence import Chosen, certainty
from daemon.receipts.contact import phone_of, receipt_number_of, tax_id_of
from daemon.receipts.currency import WRITES_EVERY_ORDER, currency_of, writes_month_first
from daemon.receipts.dates import purchase_date
from daemon.receipts.layout import rows_of
from daemon.receipts.lines import Printed, Text, understood
from daemon.receipts.merchant import merchant_of
from daemon.receipts.model import NOT_FOUND, Field, Receipt, money
from daemon.receipts.recognition import is_receipt, is_refund
from daemon.receipts.statements import Statement, statements_of
from daemon.receipts.text import PageText
from daemon.receipts.unnamed import as_placed, with_unnamed_parts

_SURE = 0.7
"""Below this a person should look at a total or a date."""
_TURNED = 0.6
"""Of a sum that only its title makes a refund, where the items do not come to it."""
_ZERO = Decimal(0)


def extract(pages: Sequence[PageText]) -> Receipt:
    """What the pages say about one purchase.

    A document that is no receipt gives a receipt without values and the reason `not_a_receipt`.
    Work is bounded, whatever the text is.
    """
    text = understood(rows_of(pages))
    statements = _statements(text)
    if not is_receipt(text, statements):
        return Receipt(needs_review=True, reasons=("not_a_receipt",))
    refund = is_refund(text.lines)
    account = account_of(text, statements, refund=refund)
    if not refund and account.chosen is not None and account.chosen.value < 0:
        account = account_of(text, statements, refund=True)  # no title, but a sum below zero
    elif refund and account.has_both_signs:
        sale = account_of(text, statements, refund=False)
        if sale.is_paid_after_returns:
            refund, account = False, sale  # only some things went back, or were struck out
    several = any(page.receipts > 1 for page in pages)
    receipt = _receipt(text, account, refund=refund or account.is_paid_back)
    return _with_reason(receipt, "several_receipts") if several else receipt


def _with_reason(receipt: Receipt, reason: str) -> Receipt:
    """The receipt with one more reason why a person should look."""
    return replace(receipt, needs_review=True, reasons=(*receipt.reasons, reason))


def understand_total(pages: Sequence[PageText]) -> Chosen | None:
    """The chosen total with all that speaks for it, as the fit of the confidence needs it."""
    text = understood(rows_of(pages))
    return account_of(text, _statements(text), refund=is_refund(text.lines)).chosen


def _statements(text: Text) -> Sequence[Statement]:
    return with_unnamed_parts(text.lines, as_placed(statements_of(text.lines)))


def _receipt(text: Text, account: Account, *, refund: bool) -> Receipt:
    lines = text.lines
    currency = currency_of(text)
    date, time = purchase_date(
        lines,
        writes_month_first(lines, currency.value),
        mixed=currency.value in WRITES_EVERY_ORDER,
        known=currency.value is not None,
    )
    merchant, address = merchant_of(text)
    total = _total(account.chosen, refund=refund)
    reasons = _reasons(account, total, date)
    found = Receipt(
        merchant=merchant,
        address=address,
        phone=phone_of(lines),
        tax_id=tax_id_of(lines),
        receipt_number=receipt_number_of(lines),
        date=date,
        time=time,
        currency=currency,
        total=total,
        subtotal=_field(account.sums.subtotal, 0.88),
        tax=account.tax,
        taxes=account.taxes,
        tip=_field(account.sums.tip, 0.85),
        discount=_discount(account.sums),
        rounding=_field(account.sums.rounding, 0.9),
        paid=account.payment.paid,
        change=account.payment.change,
        payment_method=account.payment.method,
        items=account.positions.items,
        checks=account.checks,
        needs_review=bool(reasons),
        reasons=reasons,
    )
    return _given_back(found) if refund else found


def _total(chosen: Chosen | None, *, refund: bool) -> Field:
    if chosen is None:
        return NOT_FOUND
    best = chosen.candidate
    value = -abs(best.value) if refund else best.value  # the contract's sign for money given back
    places = [best.printed.place]
    if best.statement is not None and best.statement.below:
        places = [*best.statement.line.places, *places]
    sure = certainty(chosen)
    if value != best.value and ITEMS_SUM in contradicting(chosen.checks):
        sure = min(sure, _TURNED)  # a title alone turns what its items do not come to
    return Field(money(value), sure, tuple(places))


def _given_back(receipt: Receipt) -> Receipt:
    """A refund whose parts have the sign of its total, also where they are printed without one."""
    items = receipt.items
    if sum((item.total for item in items), _ZERO) > 0:
        items = tuple(replace(item, total=-item.total) for item in items)
    taxes = tuple(
        replace(tax, net=None if tax.net is None else -abs(tax.net), amount=-abs(tax.amount))
        for tax in receipt.taxes
    )
    subtotal, tax = _below_zero(receipt.subtotal), _below_zero(receipt.tax)
    return replace(receipt, items=items, taxes=taxes, subtotal=subtotal, tax=tax)


def _below_zero(field: Field) -> Field:
    if field.value is None or Decimal(field.value) <= 0:
        return field
    return replace(field, value=money(-Decimal(field.value)))


def _reasons(account: Account, total: Field, date: Field) -> tuple[str, ...]:
    """Why a person should look: what is missing, unsure, mended, or does not add up."""
    reasons: list[str] = []
    confirmed = confirming(account.checks)
    if total.value is None:
        reasons.append("no_total")
    elif total.confidence < _SURE:
        reasons.append("total_uncertain")
    if account.chosen and account.chosen.overruled:
        reasons.append("total_against_label")
    if account.chosen and account.chosen.candidate.printed.mended and not confirmed:
        reasons.append("total_mended")
    if date.value is None:
        reasons.append("no_date")
    elif date.confidence < _SURE:
        reasons.append("date_uncertain")
    wrong = contradicting(account.checks)
    if confirmed:
        wrong.discard(ITEMS_SUM)
    reasons.extend(f"{name}_fails" for name in sorted(wrong))
    return tuple(reasons)


def _discount(sums: Sums) -> Field:
    amounts = sums.coupons + sums.item_discounts
    if not amounts:
        return NOT_FOUND
    whole = sum((abs(printed.value) for printed in amounts), _ZERO)
    return Field(money(whole), 0.8, tuple(printed.place for printed in amounts))


def _field(printed: Printed | None, confidence: float) -> Field:
    if printed is None:
        return NOT_FOUND
    return Field(money(printed.value), confidence * printed.seen, (printed.place,))
