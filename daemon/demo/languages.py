"""How receipts are worded and numbers written in the places that the samples come from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Language:
    """The words of a receipt, and how amounts and dates look; `date` is for strftime."""

    symbol: str
    symbol_first: bool
    decimal: str
    thousands: str
    date: str
    number_label: str
    date_label: str
    subtotal: str
    tax: str
    net: str
    gross: str
    tip: str
    rounding: str
    total: str
    cash: str
    change: str
    card: str
    description: str
    quantity: str
    price: str
    tax_id: str
    thanks: str

    def amount(self, value: Decimal) -> str:
        """A number as it is printed, without the currency."""
        whole, _, cents = f"{abs(value):,.2f}".partition(".")
        sign = "-" if value < 0 else ""
        return sign + whole.replace(",", self.thousands) + self.decimal + cents

    def money(self, value: Decimal) -> str:
        """A number with the currency where people of the place put it."""
        if not self.symbol_first:
            return f"{self.amount(value)} {self.symbol}"
        gap = " " if self.symbol.isalpha() else ""
        sign = "-" if value < 0 else ""
        return f"{sign}{self.symbol}{gap}{self.amount(abs(value))}"

    def percent(self, rate: Decimal) -> str:
        """A tax rate as it is printed."""
        return f"{rate.normalize():f}".replace(".", self.decimal) + "%"

    def day(self, moment: datetime) -> str:
        """A date as it is printed."""
        return moment.strftime(self.date)


BRITISH = Language(
    symbol="£", symbol_first=True, decimal=".", thousands=",", date="%d/%m/%Y",
    number_label="Receipt No", date_label="Date", subtotal="Subtotal", tax="VAT", net="Net",
    gross="Gross", tip="Tip", rounding="Rounding", total="TOTAL", cash="Cash", change="Change",
    card="Visa contactless", description="Item", quantity="Qty", price="Price",
    tax_id="VAT Reg No", thanks="Thank you for your custom",
)  # fmt: skip
AMERICAN = Language(
    symbol="$", symbol_first=True, decimal=".", thousands=",", date="%m/%d/%Y",
    number_label="Check #", date_label="Date", subtotal="Subtotal", tax="Sales Tax", net="Taxable",
    gross="Gross", tip="Tip", rounding="Rounding", total="Total", cash="Cash", change="Change Due",
    card="Mastercard", description="Item", quantity="Qty", price="Price",
    tax_id="Tax ID", thanks="Please come again!",
)  # fmt: skip
GERMAN = Language(
    symbol="EUR", symbol_first=False, decimal=",", thousands=".", date="%d.%m.%Y",
    number_label="Bon-Nr.", date_label="Datum", subtotal="Zwischensumme", tax="MwSt", net="Netto",
    gross="Brutto", tip="Trinkgeld", rounding="Rundung", total="SUMME", cash="Bar gegeben",
    change="Rückgeld", card="girocard", description="Artikel", quantity="Menge", price="Preis",
    tax_id="USt-IdNr.", thanks="Vielen Dank für Ihren Einkauf",
)  # fmt: skip
FRENCH = Language(
    symbol="€", symbol_first=False, decimal=",", thousands=" ", date="%d/%m/%Y",
    number_label="Ticket n°", date_label="Date", subtotal="Sous-total", tax="TVA", net="HT",
    gross="TTC", tip="Pourboire", rounding="Arrondi", total="TOTAL TTC", cash="Espèces",
    change="Rendu", card="Carte bancaire", description="Désignation", quantity="Qté", price="Prix",
    tax_id="TVA intra.", thanks="Merci de votre visite",
)  # fmt: skip
SPANISH = Language(
    symbol="€", symbol_first=False, decimal=",", thousands=".", date="%d-%m-%Y",
    number_label="Ticket", date_label="Fecha", subtotal="Subtotal", tax="IVA", net="Base",
    gross="Importe", tip="Propina", rounding="Redondeo", total="TOTAL", cash="Efectivo",
    change="Cambio", card="Tarjeta", description="Artículo", quantity="Cant.", price="Precio",
    tax_id="NIF", thanks="Gracias por su visita",
)  # fmt: skip
ITALIAN = Language(
    symbol="€", symbol_first=True, decimal=",", thousands=".", date="%d/%m/%Y",
    number_label="Doc. n.", date_label="Data", subtotal="Subtotale", tax="IVA", net="Imponibile",
    gross="Lordo", tip="Mancia", rounding="Arrotondamento", total="TOTALE COMPLESSIVO",
    cash="Contante", change="Resto", card="Pagamento elettronico", description="Descrizione",
    quantity="Qtà", price="Prezzo", tax_id="P. IVA", thanks="Grazie e arrivederci",
)  # fmt: skip
MALAY = Language(
    symbol="RM", symbol_first=True, decimal=".", thousands=",", date="%d/%m/%Y",
    number_label="No. Resit", date_label="Tarikh", subtotal="Jumlah Kecil", tax="SST", net="Amaun",
    gross="Kasar", tip="Tip", rounding="Pelarasan Bundaran", total="JUMLAH", cash="Tunai",
    change="Baki", card="Kad", description="Barang", quantity="Unit", price="Harga",
    tax_id="No. SST", thanks="Terima kasih, sila datang lagi",
)  # fmt: skip
SWISS = Language(
    symbol="CHF", symbol_first=True, decimal=".", thousands="'", date="%d.%m.%Y",
    number_label="Beleg", date_label="Datum", subtotal="Zwischentotal", tax="MWST", net="Netto",
    gross="Total", tip="Trinkgeld", rounding="Rundung", total="TOTAL", cash="Bar",
    change="Rückgeld", card="TWINT", description="Artikel", quantity="Menge", price="Preis",
    tax_id="MWST-Nr.", thanks="Herzlichen Dank",
)  # fmt: skip
