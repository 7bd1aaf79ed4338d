"""Documents with amounts in them that are no receipts, and receipts that look like them."""

from __future__ import annotations

import pytest

from daemon.receipts.model import Receipt
from tests.receipts.paper import read

OTHERS = {
    "a letter about a debt": (
        "Dear Mr Smith,",
        "Your total outstanding balance is £1,234.56.",
        "Please pay by 01/03/2024.",
        "Amount due: £1,234.56",
        "Yours sincerely",
    ),
    "a German letter": (
        "Sehr geehrte Damen und Herren,",
        "der Gesamtbetrag von 1.234,56 EUR ist fällig am 01.03.2024.",
        "Bitte überweisen Sie den Betrag auf unser Konto.",
        "Mit freundlichen Grüßen",
    ),
    "a French letter": (
        "Madame, Monsieur,",
        "Nous vous informons que le montant total de votre dette est de 1 234,56 €.",
        "Veuillez agréer, Madame, Monsieur, nos salutations distinguées.",
        "Paris, le 3 mars 2023",
    ),
    "a Spanish letter": (
        "Estimado cliente:",
        "El importe total pendiente es de 350,00 euros.",
        "Le rogamos efectúe el pago antes del 03/04/2023.",
        "Atentamente,",
    ),
    "an Italian letter": (
        "Gentile cliente,",
        "il totale dovuto ammonta a 350,00 euro",
        "entro il 03/04/2023.",
        "Cordiali saluti",
    ),
    "a Dutch letter": (
        "Geachte heer Jansen,",
        "Het totaal te betalen bedrag is € 350,00.",
        "Betaal voor 03-04-2023.",
        "Met vriendelijke groet,",
    ),
    "a Portuguese letter": (
        "Caro cliente,",
        "O valor total em dívida é de 350,00 €.",
        "Pague até 03/04/2023.",
        "Com os melhores cumprimentos",
    ),
    "a Malay letter": (
        "Tuan/Puan,",
        "Jumlah tunggakan ialah RM350.00.",
        "Sila bayar sebelum 03/04/2023.",
        "Yang benar,",
    ),
    "a statement of an account": (
        "Bank statement",
        "Account 12345678  Sort code 20-00-00",
        "Date  Description  Paid out  Paid in  Balance",
        "01 Mar  Opening balance              1,000.00",
        "02 Mar  TESCO STORES   23.45           976.55",
        "03 Mar  SALARY        2,000.00       2,976.55",
        "Total paid in     2,000.00",
    ),
    "a statement without a title that we know": (
        "Unser Konto im März",
        "01.03. REWE SAGT DANKE     -23,45",
        "02.03. Miete              -850,00",
        "03.03. Gehalt            2.345,67",
        "Summe                    1.472,22",
    ),
    "a French statement of an account": (
        "Relevé de compte",
        "01/03  Carte LECLERC      23,45",
        "02/03  Virement          500,00",
        "Solde               1.234,56",
        "Total des opérations     523,45",
    ),
    "a table of numbers": (
        "Table 3: Measurements",
        "Run     A       B       C",
        "1     12.30   14.50   16.20",
        "2     11.10   13.40   15.80",
        "3     10.05   12.00   14.90",
        "Sum   33.45   39.90   46.90",
    ),
    "a balance sheet": (
        "Balance sheet 2023",
        "Assets          1,234.00",
        "Liabilities       800.00",
        "Equity            434.00",
        "Total           1,234.00",
    ),
    "a payslip": (
        "PAYSLIP",
        "Employee: John Smith",
        "Gross pay            3,000.00",
        "Income tax             500.00",
        "National insurance     250.00",
        "Net pay              2,250.00",
        "Date 31/03/2024",
    ),
    "a story": (
        "Chapter 3",
        "It cost him 5.00 pounds and a total of 3.50 shillings,",
        "he paid in cash and left without change.",
        "The invoice was never seen again.",
    ),
    "an invoice's letter without amounts": (
        "INVOICE",
        "Acme Ltd",
        "Dear customer, please find enclosed our invoice.",
        "Date 03/04/2023",
        "VAT No GB 123456789",
    ),
    "a menu": ("MENU", "Burger   12.50", "Fries     4.50", "Cola      3.00", "Beer      5.50"),
    "a timetable": ("Fahrplan", "Köln Hbf    12.30    12.45", "Bonn Hbf    12.55    13.10"),
}


@pytest.mark.parametrize("rows", OTHERS.values(), ids=OTHERS.keys())
def test_a_document_that_is_no_receipt_says_so_and_has_no_values(rows: tuple[str, ...]) -> None:
    assert read(*rows) == Receipt(needs_review=True, reasons=("not_a_receipt",))


def test_an_invoice_with_a_salutation_is_still_a_receipt() -> None:
    receipt = read(
        "Harbour Books Ltd",
        "VAT No GB 123 4567 89",
        "Invoice No. 1234        12/03/2024",
        "Dear customer, thank you for your order.",
        "Novel              20.00",
        "Atlas              10.00",
        "Subtotal           30.00",
        "VAT 20%             6.00",
        "Total             £36.00",
        "Paid by VISA      £36.00",
        "Kind regards, Harbour Books",
    )
    assert receipt.total.value == "36.00"
    assert receipt.reasons == ()


def test_a_receipt_with_a_long_footer_is_a_receipt() -> None:
    receipt = read(
        "KEDAI MAJU",
        "12/03/2024",
        "TEA     4.00",
        "TOTAL     4.00",
        "Goods once sold are neither returnable nor refundable in cash.",
        "Please keep this receipt for any exchange within seven days of purchase.",
        "Thank you for shopping with us and we hope to see you again very soon.",
    )
    assert receipt.total.value == "4.00"
