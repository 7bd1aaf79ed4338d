"""Whether a document is a receipt at all, and whether money went back."""

from __future__ import annotations

import re
from collections.abc import Sequence

from daemon.receipts.dates import dates_in
from daemon.receipts.lexicon import Mention
from daemon.receipts.lines import Line, Text
from daemon.receipts.statements import PAYMENTS, Kind, Statement

_ENOUGH = 2.5
_TOTALS = frozenset((Kind.ROUNDED, Kind.DUE, Kind.TOTAL, Kind.SUBTOTAL))
_PERHAPS_TOTALS = frozenset((Kind.AMOUNT, Kind.REFUND))
_TITLE_WORDS = 2
"""Words that a title may have besides the one that says refund."""
_TITLE_START = 6
_NO_TITLE = frozenset(("footer", "not_date", "deposit"))
"""What makes a row with a word for a refund a rule about refunds, or the return of a bottle."""
_BESIDE_REFUND = frozenset(("document", "card", "wallet", "cash", "voucher", "total", "due"))
"""What a title below the head may say besides; other words tell on which terms money goes back."""
_LABEL_WORDS = 9
"""A row that has more words is a sentence about money, and states nothing."""
_FEW_WORDS = 3
_KNOWN_SHARE = 0.5
"""The share of words that a row of more than a few must have from our lists to be a label."""
_MOST_COLUMNS = 2
"""Amounts of a row that is still a label with its amount."""
_TITLE = 2.0
"""What a title says more than the same words further down."""
_TITLE_ROWS = 3
"""Rows at the top in which a document says what it is."""
_CARD = re.compile(r"[X*]{4,}[ -]?\d{4}(?!\d)|\bA0{5,}\d")
"""The hidden number of a card, or the application on its chip: what a slip of its payment has."""
_TRANSACTIONS = 3
_PROSE_WORDS = 5
_WORD = re.compile(r"[^\W\d_]{2,}")
_OWN_DATE = re.compile(
    r"\W*(?:\d{1,2}[./-]\d{1,2}(?:[./-]|\b)|(?:19|20)\d{2}-\d{2}-\d{2}|\d{1,2}[ .]{1,2}[A-Z]{3}\b)"
)
"""A row that begins with a date of its own, as each transaction of an account does."""


def is_receipt(text: Text, statements: Sequence[Statement]) -> bool:
    """Whether enough of what makes a receipt is there, an amount of money before all."""
    if not any(line.money for line in text.lines):
        return False
    kinds = {statement.kind for statement in statements if _is_stated(statement)}
    marks = frozenset(mark for line in text.lines for mark in line.marks)
    points = 0.0
    points += 2.0 if kinds & _TOTALS else 0.0
    points += 1.0 if kinds & _PERHAPS_TOTALS and not kinds & _TOTALS else 0.0
    points += 1.0 if kinds & (PAYMENTS | {Kind.CHANGE}) else 0.0
    points += 1.0 if Kind.TAX in kinds or "tax_id" in marks else 0.0
    points += 0.5 if marks & {"document", "receipt_number"} else 0.0
    points += 0.5 if any(_is_dated(line) for line in text.lines) else 0.0
    points += 1.0 if any(_CARD.search(line.folded) for line in text.lines) else 0.0
    points += _column_points(text.lines) - _points_of_others(text.lines, statements)
    return points >= _ENOUGH


def _is_stated(statement: Statement) -> bool:
    """Whether a row is a label with its amount: no sentence about money, no row of a table."""
    line = statement.line
    if len(line.folded.split()) > _LABEL_WORDS or not _is_label_with_amount(statement):
        return False
    if statement.below or not line.money:
        return True
    words = _WORD.findall(line.folded)
    return len(words) <= _FEW_WORDS or not _is_sentence(line, words)


def _is_label_with_amount(statement: Statement) -> bool:
    """Whether a row has few amounts, or what a total consists of before it: net, tax, gross."""
    if len(statement.amounts) <= _MOST_COLUMNS:
        return True
    *parts, whole = (amount.value for amount in statement.amounts)
    return statement.kind in _TOTALS and whole > 0 and sum(parts) == whole


def _is_sentence(line: Line, words: Sequence[str]) -> bool:
    """Whether most of a row's words say nothing that receipts say."""
    spans = {(mention.start, mention.end) for mention in line.mentions}
    known = {word for start, end in spans for word in _WORD.findall(line.folded[start:end])}
    return sum(word in known for word in words) < _KNOWN_SHARE * len(words)


def _points_of_others(lines: Sequence[Line], statements: Sequence[Statement]) -> float:
    """What speaks for a letter, a list of transactions or a table of numbers.

    Balances below a total are those of a customer's card.
    """
    total = next((s.line.index for s in statements if s.kind in _TOTALS), len(lines))
    others = [
        (m.phrase, line)
        for line in lines
        for m in line.mentions
        if m.mark == "other_document" and not (line.money and line.index > total)
    ]
    points = 1.5 * min(2, len({phrase for phrase, _ in others}))
    points += _TITLE if any(line.index < _TITLE_ROWS for _, line in others) else 0.0
    money = [line for line in lines if line.money]
    dated = sum(bool(_OWN_DATE.match(line.folded)) for line in money)
    points += 2.0 if dated >= _TRANSACTIONS and 2 * dated > len(money) else 0.0
    tabled = sum(len(line.money) > _MOST_COLUMNS and line.letters < _LABEL_WORDS for line in money)
    points += 1.5 if 2 * tabled > len(money) else 0.0
    letters = sum(line.letters for line in lines)
    prose = [line for line in lines if len(_WORD.findall(line.folded)) >= _PROSE_WORDS]
    told = sum(line.letters for line in prose if not line.money or _ends_sentence(line))
    return points + (1.0 if 2 * told > letters else 0.0)


def _ends_sentence(line: Line) -> bool:
    return line.folded.rstrip()[-1:] in ".,;:" or not line.stands_alone(line.money[-1])


def _is_dated(line: Line) -> bool:
    return any(True for _ in dates_in(line.folded, month_first=False))


def _column_points(lines: Sequence[Line]) -> float:
    """Whether rows end in amounts, as they do in a list of items and not in a letter."""
    ending = [line for line in lines if line.money and line.money[-1].end >= len(line.folded) - 6]
    if len(ending) * 12 < len(lines):
        return 0.0
    return {0: 0.0, 1: 0.0, 2: 1.0}.get(len(ending), 1.5)


def is_refund(lines: Sequence[Line]) -> bool:
    """Whether a title or the total's label says that money went back.

    A sentence about returns is no title, and what was given back in change is no refund: a word
    that may say either is a title only above the first amount. On a ticket it is the way back.
    """
    first = next((line.index for line in lines if line.money), 0)
    travels = any(_tells_of_journey(line) for line in lines)
    return any(
        _says_refund(line, mention, in_head=line.index <= first)
        for line in lines
        if not line.marks & _NO_TITLE
        for mention in line.mentions
        if mention.mark == "refund" and mention.start <= _TITLE_START
        if not (travels and _means(line, mention, "journey"))
    )


def _tells_of_journey(line: Line) -> bool:
    """Whether a row has a word of tickets that is no word for a refund too."""
    return any(m.mark == "journey" and not _means(line, m, "refund") for m in line.mentions)


def _means(line: Line, mention: Mention, mark: str) -> bool:
    """Whether the same words have another meaning too."""
    return any(m.mark == mark and m.start == mention.start for m in line.mentions)


def _says_refund(line: Line, mention: Mention, *, in_head: bool) -> bool:
    """Whether a word for a refund is a title, or the label of the amount beside it."""
    meanings = {m.mark for m in line.mentions if m.start == mention.start}
    if line.money:
        return "due" in meanings and ("change" not in meanings or in_head)
    if "change" in meanings and not in_head:
        return False
    words = sum(any(map(str.isalnum, word)) for word in line.folded.split())
    beside = [m for m in line.mentions if m.mark in _BESIDE_REFUND and not in_head]
    phrases = {m.start: m.phrase for m in (*beside, mention)}.values()
    others = words - sum(len(phrase.split()) for phrase in phrases)
    return others <= (_TITLE_WORDS if in_head else 0)
