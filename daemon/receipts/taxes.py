"""Taxes by rate: rows in which a net, a rate and a tax agree with each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import combinations

from daemon.receipts.lines import Line, Printed
from daemon.receipts.model import NOT_FOUND, Field, TaxRate, money
from daemon.receipts.statements import Kind, Statement, opens_summary

_CENT = Decimal("0.01")
_SLACK = Decimal("0.02")
_HIGHEST_RATE = Decimal(30)
_CODE = 2
"""Letters of the code that a row of taxes may begin with."""
_FULL_ROW = 3
"""Amounts of a row that prints net, tax and gross."""
_LONE_RATE = re.compile(r"(?<![\d.,])(\d{1,2}(?:[.,]\d{1,2})?)(?![\d.,%]|\s?[X*])")


@dataclass(frozen=True, slots=True)
class _Row:
    """A tax as one row has it; `confirmed` where the row's other amounts agree with it."""

    line: Line
    tax: TaxRate
    confirmed: bool


def taxes_of(
    lines: Sequence[Line], statements: Sequence[Statement]
) -> tuple[tuple[TaxRate, ...], Field]:
    """The taxes by rate, and their sum."""
    rows = _unique(_without_sums(list(_tax_rows(lines, statements))))
    stated = [s for s in statements if s.kind is Kind.TAX and s.value is not None]
    if rows:
        total = sum((row.tax.amount for row in rows), Decimal(0))
        places = tuple(place for row in rows for place in row.line.places)
        confirmed = any(s.value == total for s in stated) or all(row.confirmed for row in rows)
        return tuple(row.tax for row in rows), Field(
            money(total), 0.93 if confirmed else 0.75, places
        )
    whole = _stated_sum(stated)
    return (), whole


def stated_taxes(statements: Sequence[Statement]) -> tuple[Decimal, ...]:
    """The taxes that rows state, each once."""
    values = [s.value for s in statements if s.kind is Kind.TAX and s.value]
    return tuple(dict.fromkeys(values))


def _stated_sum(stated: Sequence[Statement]) -> Field:
    """The tax that rows state without a rate: the row that says total, else the first one."""
    if not stated:
        return NOT_FOUND
    chosen = next((s for s in stated if "total" in s.marks and not s.in_summary), stated[0])
    value = chosen.amounts[-1]
    return Field(money(value.value), 0.75, (value.place,))


def _without_sums(rows: Sequence[_Row]) -> Sequence[_Row]:
    """The rows without the sum of them: where any has a rate, one that has none is the sum."""
    rated = [row for row in rows if row.tax.rate is not None]
    named = [row for row in rows if not row.line.marks & {"total", "due"}]
    return rated or named or rows


def _unique(rows: Sequence[_Row]) -> list[_Row]:
    """One row per rate: the fullest; a receipt often says the same twice."""
    best: dict[tuple[Decimal | None, Decimal], _Row] = {}
    for row in rows:
        key = (row.tax.rate, row.tax.amount)
        if key not in best or (best[key].tax.net is None and row.tax.net is not None):
            best[key] = row
    by_rate: dict[Decimal | None, list[_Row]] = {}
    for row in best.values():
        by_rate.setdefault(row.tax.rate, []).append(row)
    kept: list[_Row] = []
    for same in by_rate.values():
        full = [row for row in same if row.tax.net is not None]
        kept.extend(full[:1] or same[:1])
    return sorted(kept, key=lambda row: row.line.index)


def _tax_rows(lines: Sequence[Line], statements: Sequence[Statement]) -> Iterator[_Row]:
    stated = {s.line.index: s for s in statements if s.kind is Kind.TAX}
    marked = frozenset(rate for line in lines for rate in line.rates)
    in_summary = False
    for line in lines:
        in_summary = in_summary or opens_summary(line)
        below = stated[line.index].below if line.index in stated else False
        money = stated[line.index].amounts if below else line.money
        taxed = line.index in stated or "tax" in line.marks
        if not money or not (in_summary or taxed or _is_table_row(line)):
            continue
        lone = [r for r in _lone_rates(line) if r in marked or not marked] if in_summary else []
        found = _row_of(line, money, list(line.rates) or lone, taxed=taxed, in_summary=in_summary)
        if found is not None:
            yield _Row(line, found, len(money) > 1)


def _is_table_row(line: Line) -> bool:
    """Whether a row is one of a table of taxes whose head was not read: a rate, two amounts."""
    return len(line.rates) == 1 and len(line.money) in (2, 3) and line.letters <= _CODE


def _row_of(
    line: Line,
    money: Sequence[Printed],
    rates: Sequence[Decimal],
    *,
    taxed: bool,
    in_summary: bool,
) -> TaxRate | None:
    rates = [rate for rate in rates if rate <= _HIGHEST_RATE]
    sure = bool(line.rates) and len(money) == _FULL_ROW
    for rate in rates:
        pairs = [pair for pair in _pairs(money) if _agree(rate, pair[0], pair[1], sure=sure)]
        if pairs:
            net, tax, printed = min(pairs, key=lambda pair: _doubt(rate, pair[0], pair[1], money))
            return TaxRate(rate, net if printed else None, tax)
    if not line.rates and in_summary and len(money) == _FULL_ROW:
        return _without_rate(money)
    if len(line.rates) == 1 and taxed and rates and len(money) == 1:
        if line.marks & {"total", "due"} and "contained" not in line.marks:
            return None
        return TaxRate(rates[0], None, money[0].value)
    return None


def _doubt(
    rate: Decimal, net: Decimal, tax: Decimal, money: Sequence[Printed]
) -> tuple[bool, bool]:
    """What speaks against a net: no gross beside it, a tax that is not its rate to the cent.

    Of a small tax the gross agrees within the slack, too.
    """
    gross = any(amount.value == net + tax for amount in money)
    exact = (net * rate / 100).quantize(_CENT, ROUND_HALF_UP) == tax
    return not (gross and len(money) == _FULL_ROW), not exact


def _without_rate(money: Sequence[Printed]) -> TaxRate | None:
    """The tax of a row that prints net, tax and gross and no rate; in a table they must add up."""
    tax, net, gross = sorted((amount.value for amount in money), key=abs)
    likely = 0 < abs(tax) * 100 <= abs(net) * _HIGHEST_RATE
    return TaxRate(None, net, tax) if likely and net + tax == gross else None


def _lone_rates(line: Line) -> Iterator[Decimal]:
    """Numbers of a table row that may be its rate although no percent sign stands by them."""
    first = line.money[0].start if line.money else 0
    for match in _LONE_RATE.finditer(line.folded[: first + 1]):
        yield Decimal(match[1].replace(",", "."))
    for amount in line.money:
        yield abs(amount.value)


def _pairs(amounts: Sequence[Printed]) -> Iterator[tuple[Decimal, Decimal, bool]]:
    """Net and tax as a row may print them, and whether it prints the net or only the gross."""
    values = [amount.value for amount in amounts[:4]]
    for one, other in combinations(values, 2):
        larger, smaller = (one, other) if abs(one) >= abs(other) else (other, one)
        yield larger, smaller, True
    for one, other in combinations(values, 2):
        larger, smaller = (one, other) if abs(one) >= abs(other) else (other, one)
        yield larger - smaller, smaller, False


def _agree(rate: Decimal, net: Decimal, tax: Decimal, *, sure: bool) -> bool:
    """Whether a rate makes this tax of a net; of a cent or two only a full row tells."""
    if rate == 0:
        return tax == 0 and net != 0
    expected = (net * rate / 100).quantize(_CENT, ROUND_HALF_UP)
    if abs(tax) <= _SLACK:
        return sure and tax != 0 and expected == tax
    return abs(expected - tax) <= _SLACK
