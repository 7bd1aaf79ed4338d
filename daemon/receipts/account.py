"""The money of a receipt put together: items, sums, total, taxes, payment, and the checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from daemon.receipts.arithmetic import ITEMS_SUM, Parts, checks_of, confirming
from daemon.receipts.confidence import Chosen, is_overruled, is_provisional, lead_of
from daemon.receipts.currency import currencies_in
from daemon.receipts.item_rows import OTHER_WAYS, PLAIN, Doubts
from daemon.receipts.items import Positions, items_of
from daemon.receipts.lines import Printed, Text
from daemon.receipts.model import Check, Field, TaxRate, money
from daemon.receipts.payment import Payment, payment_of
from daemon.receipts.statements import PAYMENTS, Kind, Statement
from daemon.receipts.taxes import stated_taxes, taxes_of
from daemon.receipts.totals import A_LABEL, Candidate, Facts, candidates_of, facts_of

_ZERO = Decimal(0)
_SEVERAL = 2
_PARTIAL = frozenset((Kind.CASH, Kind.VOUCHER, Kind.CHANGE, Kind.TIP))
"""What may make a payment by card another amount than the total."""
_MOST_MORE = Decimal("1.4")
"""How many times the sum of the goods may be paid, the tip included."""


@dataclass(frozen=True, slots=True)
class Sums:
    """The amounts between items and total; coupons are discounts on the whole."""

    subtotal: Printed | None
    service: Printed | None
    tip: Printed | None
    rounding: Printed | None
    coupons: tuple[Printed, ...]
    item_discounts: tuple[Printed, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """All that a receipt says about money; `candidates` for the total are best first."""

    positions: Positions
    candidates: tuple[Candidate, ...]
    sums: Sums
    taxes: tuple[TaxRate, ...]
    tax: Field
    payment: Payment
    checks: tuple[Check, ...]
    doubted: bool = False
    """Whether a tip, a larger sum below it or the payment tells of another total."""

    @property
    def chosen(self) -> Chosen | None:
        """The best candidate with what confirms it; None where nothing may be a total."""
        if not self.candidates:
            return None
        best = self.candidates[0]
        return Chosen(
            best,
            lead_of(self.candidates),
            self.checks,
            overruled=is_overruled(self.candidates),
            provisional=self.doubted or is_provisional(best, _value(self.sums.rounding) or _ZERO),
        )

    @property
    def has_both_signs(self) -> bool:
        """Whether some items are below zero and others are not."""
        values = [item.total for item in self.positions.items]
        return min(values, default=_ZERO) < 0 < max(values, default=_ZERO)

    @property
    def is_paid_after_returns(self) -> bool:
        """Whether more was bought than went back, as the sum of the items tells."""
        return (
            self.chosen is not None
            and self.chosen.value > 0
            and ITEMS_SUM in confirming(self.checks)
        )

    @property
    def is_paid_back(self) -> bool:
        """Whether the total is what a word for a refund stands by."""
        statement = self.candidates[0].statement if self.candidates else None
        return statement is not None and statement.kind is Kind.REFUND


def account_of(text: Text, statements: Sequence[Statement], *, refund: bool) -> Account:
    """The money of a document; `refund` says that amounts below zero are items.

    Where the items do not come to the total, rows in doubt are read in other ways; the first way
    counts in which they do. No way may change a total that its label names.
    """

    def read(doubts: Doubts) -> Account:
        positions = items_of(text.lines, statements, refund=refund, doubts=doubts)
        return _account(text, statements, positions)

    usual = read(PLAIN)
    if usual.chosen is None or not usual.positions.items or ITEMS_SUM in confirming(usual.checks):
        return usual
    for doubts in OTHER_WAYS:
        other = read(doubts)
        if other.chosen is None or ITEMS_SUM not in confirming(other.checks):
            continue
        if other.chosen.value == usual.chosen.value or usual.chosen.candidate.label < A_LABEL:
            return other
    return usual


def _account(text: Text, statements: Sequence[Statement], positions: Positions) -> Account:
    facts = facts_of(statements, positions)
    candidates = candidates_of(text, statements, facts)
    total = candidates[0].value if candidates else None
    taxes, tax = taxes_of(text.lines, statements)
    payment = payment_of(text.lines, statements, total)
    sums = _sums_of(statements, positions, candidates[0] if candidates else None)
    tax = _on_top(statements, sums, total) or tax
    checks: tuple[Check, ...] = ()
    if total is not None:
        checks = checks_of(
            Parts(
                total=total,
                items=None if _is_item(candidates[0], positions) else positions.whole,
                subtotal=_value(sums.subtotal),
                tax=_decimal(tax),
                service=_value(sums.service),
                tip=_value(sums.tip),
                coupon=sum((abs(printed.value) for printed in sums.coupons), _ZERO),
                rounding=_value(sums.rounding),
                paid=_decimal(payment.paid),
                change=_decimal(payment.change),
                cashback=facts.cashback,
                taxes=taxes,
                stated_taxes=stated_taxes(statements),
            )
        )
    doubted = bool(candidates) and (
        _awaits_tip(candidates[0], statements)
        or _is_outgrown(candidates[0], statements, facts)
        or _is_paid_otherwise(candidates[0], statements, facts)
    )
    return Account(positions, tuple(candidates), sums, taxes, tax, payment, checks, doubted)


def _awaits_tip(total: Candidate, statements: Sequence[Statement]) -> bool:
    """Whether a tip is printed below a total, and no payment of that total below the tip."""
    if total.statement is None:
        return False
    last = total.statement.line.index
    tips = [s.line.index for s in statements if s.kind is Kind.TIP and s.value]
    if len(tips) != 1 or tips[0] <= last:
        return False
    paid = {s.value for s in statements if s.kind in PAYMENTS and s.line.index > tips[0]}
    return total.value not in paid


def _is_outgrown(total: Candidate, statements: Sequence[Statement], facts: Facts) -> bool:
    """Whether a somewhat larger total is printed below this one, and nothing tells why.

    It may be that of a tip that was not read. One by a rate is only suggested, one in another
    currency is the same, and one with money from the till is more than was bought.
    """
    if total.statement is None or total.value <= 0:
        return False
    own = total.statement.line
    currencies = currencies_in(own)
    return any(
        total.value < (s.value or _ZERO) <= _MOST_MORE * total.value
        for s in statements
        if s.kind in (Kind.TOTAL, Kind.DUE) and s.line.index > own.index
        if not (s.in_summary or s.line.rates) and s.value != total.value + facts.cashback
        if not (currencies and currencies_in(s.line) - currencies)
    )


def _is_paid_otherwise(total: Candidate, statements: Sequence[Statement], facts: Facts) -> bool:
    """Whether the one payment that is printed, by card, is not the total, and nothing tells why."""
    if facts.cashback or any(s.kind in _PARTIAL for s in statements):
        return False
    paid = [s.value for s in statements if s.kind in (Kind.CARD, Kind.WALLET) and s.value]
    return len(paid) == 1 and abs(paid[0]) != abs(total.value)


def _is_item(total: Candidate, positions: Positions) -> bool:
    """Whether the only item is what was taken for the total: it cannot confirm itself."""
    return len(positions.items) == 1 and total.printed.place in positions.items[0].evidence


def _on_top(statements: Sequence[Statement], sums: Sums, total: Decimal | None) -> Field | None:
    """The sum of all taxes that rows state, of any rate or none, where it makes the total."""
    taxes = [s.amounts[-1] for s in statements if s.kind is Kind.TAX and not s.in_summary]
    if len(taxes) < _SEVERAL or sums.subtotal is None or total is None:
        return None
    whole = sum((tax.value for tax in taxes), _ZERO)
    tip, service = _value(sums.tip) or _ZERO, _value(sums.service) or _ZERO
    if total - sums.subtotal.value - whole not in {_ZERO, tip, service, tip + service}:
        return None
    return Field(money(whole), 0.93, tuple(tax.place for tax in taxes))


def _sums_of(
    statements: Sequence[Statement], positions: Positions, total: Candidate | None
) -> Sums:
    first: dict[Kind, Printed] = {}
    for statement in statements:
        if not statement.in_summary or statement.kind is Kind.TIP:  # no table of taxes has a tip
            first.setdefault(statement.kind, statement.amounts[-1])
    among_items = {printed.place for printed in positions.discounts}
    among_items |= {place for item in positions.items for place in item.evidence}
    coupons = tuple(
        statement.amounts[-1]
        for statement in statements
        if statement.kind is Kind.DISCOUNT
        and statement.amounts[-1].place not in among_items
        and statement.amounts[-1].value
        and not _is_below(statement, total)
    )
    whole = sum((abs(printed.value) for printed in positions.discounts), _ZERO)
    after_sum = any(
        statement.kind is Kind.DISCOUNT and statement.amounts[-1] in coupons
        for statement in _below_subtotal(statements)
    )
    subtotal = first.get(Kind.SUBTOTAL)
    among = positions.discounts
    if len(coupons) == 1 and abs(coupons[0].value) == whole:
        if not after_sum:
            coupons = ()  # the sum of the discounts that the items already name
        elif subtotal is not None and subtotal.value == (positions.whole or _ZERO) + whole:
            among = ()  # the subtotal is before the discounts, and they are taken off here
    return Sums(
        subtotal=subtotal or _before_tax(first.get(Kind.NET), positions),
        service=first.get(Kind.SERVICE),
        tip=first.get(Kind.TIP),
        rounding=first.get(Kind.ROUNDING),
        coupons=coupons,
        item_discounts=among,
    )


def _below_subtotal(statements: Sequence[Statement]) -> Sequence[Statement]:
    """The statements that follow the subtotal; it has the items' discounts in it."""
    first = next((n for n, s in enumerate(statements) if s.kind is Kind.SUBTOTAL), None)
    return () if first is None else statements[first + 1 :]


def _is_below(statement: Statement, total: Candidate | None) -> bool:
    """Whether a discount is told after the total that it is in, or is one for the next time."""
    if total is None or total.statement is None or total.label < A_LABEL:
        return False
    return statement.line.index > total.statement.line.index


def _before_tax(net: Printed | None, positions: Positions) -> Printed | None:
    """What is named as the sum before tax is the subtotal where it is the sum of the items."""
    return net if net is not None and net.value == positions.whole else None


def _value(printed: Printed | None) -> Decimal | None:
    return None if printed is None else printed.value


def _decimal(field: Field) -> Decimal | None:
    return None if field.value is None else Decimal(field.value)
