"""The invented shops that the samples come from, what they sell, and how they print it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from daemon.demo import languages
from daemon.demo.facts import CENT, Shop
from daemon.demo.languages import Language
from daemon.demo.render import Style
from daemon.demo.rows import Layout

_SANS = Style(typeface="sans", width=820, size=27)
_MONO = Style()
_NARROW = Style(width=680, size=24, margin=36)


@dataclass(frozen=True, slots=True)
class Goods:
    """One thing on a shelf; `rate` is its tax in percent."""

    description: str
    price: Decimal
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Trade:
    """A shop with its wares and habits; `lines` is how many wares a receipt lists.

    `tip` is a share of the subtotal; `note` the banknote that customers pay with, None for a card;
    `round_to` the smallest coin where cash totals are rounded.
    """

    shop: Shop
    language: Language
    currency: str
    goods: tuple[Goods, ...]
    layout: Layout = Layout.TILL
    style: Style = _MONO
    lines: int = 5
    tax_included: bool = True
    month_first: bool = False
    tip: Decimal = Decimal(0)
    note: Decimal | None = None
    round_to: Decimal = CENT


def _goods(*wares: tuple[str, str, str]) -> tuple[Goods, ...]:
    return tuple(Goods(name, Decimal(price), Decimal(rate)) for name, price, rate in wares)


GROCER = Trade(
    Shop("Harbour Street Grocers", ("14 Harbour Street", "Whitby YO21 3PU"),
         "01947 555 018", "GB 482 9917 03"),
    languages.BRITISH,
    "GBP",
    _goods(("Semi-skimmed milk", "1.45", "0"), ("Wholemeal loaf", "1.80", "0"),
           ("Cheddar 400g", "4.25", "0"), ("Ginger biscuits", "1.15", "20"),
           ("Orange squash", "2.35", "20"), ("Washing powder", "6.50", "20"),
           ("Braeburn apples", "2.10", "0"), ("Dark chocolate", "2.75", "20")),
    note=Decimal(20),
)  # fmt: skip
DINER = Trade(
    Shop("Maple Corner Diner", ("2208 Cedar Avenue", "Portland, OR 97214"),
         "(503) 555-0143", "93-5550143"),
    languages.AMERICAN,
    "USD",
    _goods(("Pancake stack", "9.50", "8.25"), ("Two eggs any style", "7.25", "8.25"),
           ("Club sandwich", "12.95", "8.25"), ("House coffee", "3.25", "8.25"),
           ("Fresh lemonade", "4.10", "8.25"), ("Caesar salad", "10.75", "8.25")),
    style=_SANS,
    lines=4,
    tax_included=False,
    month_first=True,
    tip=Decimal("0.18"),
)  # fmt: skip
MARKET = Trade(
    Shop("Markthalle Lindenhof", ("Lindenstraße 27", "04109 Leipzig"),
         "0341 555 0172", "DE 218 553 907"),
    languages.GERMAN,
    "EUR",
    _goods(("Bio Vollmilch", "1.39", "7"), ("Roggenbrot", "3.29", "7"),
           ("Gurken Glas", "1.79", "7"), ("Käse jung", "4.49", "7"), ("Spülmittel", "2.15", "19"),
           ("Apfelschorle", "1.19", "19"), ("Küchenrolle", "3.45", "19"),
           ("Eier 10er", "2.99", "7")),
    style=_NARROW,
    lines=6,
    note=Decimal(50),
)  # fmt: skip
WORKSHOP = Trade(
    Shop("Baubedarf Krüger GmbH", ("Industrieweg 8", "33602 Bielefeld"),
         "0521 555 0126", "DE 301 774 218"),
    languages.GERMAN,
    "EUR",
    _goods(("Akkuschrauber", "189.90", "19"), ("Werkbank 150 cm", "449.00", "19"),
           ("Stichsäge", "129.95", "19"), ("Schleifpapier-Set", "12.49", "19"),
           ("Leiter 8 Stufen", "214.50", "19"), ("Betonmischer", "389.00", "19")),
    layout=Layout.TABLE,
    style=_SANS,
)  # fmt: skip
BISTRO = Trade(
    Shop("Bistrot du Canal", ("31 quai des Tanneurs", "67000 Strasbourg"),
         "03 88 55 01 47", "FR 40 512 883 019"),
    languages.FRENCH,
    "EUR",
    _goods(("Formule déjeuner", "17.50", "10"), ("Soupe à l'oignon", "8.20", "10"),
           ("Tarte flambée", "12.80", "10"), ("Café crème", "3.40", "10"),
           ("Verre de riesling", "5.60", "20"), ("Crème brûlée", "6.90", "10")),
    layout=Layout.STACKED,
    style=_SANS,
)  # fmt: skip
HARDWARE = Trade(
    Shop("Ferretería La Estrella", ("Calle del Olmo 19", "28012 Madrid"),
         "915 550 163", "B84551207"),
    languages.SPANISH,
    "EUR",
    _goods(("Martillo", "11.95", "21"), ("Caja de clavos", "3.40", "21"),
           ("Cinta métrica", "6.75", "21"), ("Bombilla LED", "4.20", "21"),
           ("Pintura blanca 4 l", "18.90", "21"), ("Guía de bricolaje", "9.50", "4")),
    note=Decimal(50),
)  # fmt: skip
TRATTORIA = Trade(
    Shop("Trattoria da Bruno", ("Via dei Tigli 12", "40126 Bologna"),
         "051 555 0188", "03355501880"),
    languages.ITALIAN,
    "EUR",
    _goods(("Coperto", "2.50", "10"), ("Tagliatelle al ragù", "13.00", "10"),
           ("Acqua naturale", "2.80", "10"), ("Lasagne verdi", "12.50", "10"),
           ("Tiramisù", "6.00", "10"), ("Caffè", "1.60", "10")),
    layout=Layout.STACKED,
)  # fmt: skip
SHOPHOUSE = Trade(
    Shop("Kedai Runcit Seri Bunga", ("No. 8, Jalan Kenanga 3", "75200 Melaka"),
         "06-555 0134", "M10-1808-31000551"),
    languages.MALAY,
    "MYR",
    _goods(("Beras wangi 5kg", "28.93", "6"), ("Kicap manis", "5.47", "6"),
           ("Susu pekat", "4.18", "6"), ("Minyak masak", "14.32", "6"),
           ("Biskut kelapa", "6.29", "6"), ("Teh tarik", "9.76", "6")),
    layout=Layout.TABLE,
    tax_included=False,
    note=Decimal(50),
    round_to=Decimal("0.05"),
)  # fmt: skip
OUTFITTER = Trade(
    Shop("Alpenblick Sport AG", ("Bahnhofstrasse 41", "7000 Chur"),
         "081 555 01 59", "CHE-114.550.159"),
    languages.SWISS,
    "CHF",
    _goods(("Tourenski", "689.00", "8.1"), ("Bindung", "349.50", "8.1"),
           ("Steigfelle", "179.90", "8.1"), ("Lawinengerät", "299.00", "8.1"),
           ("Energieriegel", "2.95", "2.6"), ("Rucksack 30 l", "159.00", "8.1")),
    layout=Layout.TABLE,
    style=_SANS,
    lines=6,
    round_to=Decimal("0.05"),
)  # fmt: skip
TRADES = (GROCER, DINER, MARKET, WORKSHOP, BISTRO, HARDWARE, TRATTORIA, SHOPHOUSE, OUTFITTER)
