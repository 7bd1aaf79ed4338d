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
    "a statement of a bank in America": (
        "Chase",
        "Statement period 03/01/2024 - 03/31/2024",
        "Beginning balance     $1,234.56",
        "Deposits and additions     $2,000.00",
        "Ending balance     $2,734.56",
        "03/04 Card purchase Walmart     -45.67",
        "03/12 Payroll     2,000.00",
    ),
    "a statement of a credit card": (
        "VISA Credit Card Statement",
        "Statement date 31/03/2024",
        "Previous balance     £450.00",
        "Purchases     £123.45",
        "Minimum payment due     £25.00",
        "Total amount due     £123.45",
    ),
    "a quotation": (
        "QUOTATION",
        "Acme Ltd",
        "Quote No 1234",
        "Date 14/03/2024",
        "Widget     2     10.00     20.00",
        "Gadget     1     30.00     30.00",
        "Subtotal     50.00",
        "VAT 20%     10.00",
        "Total     60.00",
    ),
    "a German quotation": (
        "Angebot Nr. 4711",
        "Schreinerei Holz GmbH",
        "14.03.2024",
        "Tisch Eiche     1     850,00",
        "Stuhl     4     120,00     480,00",
        "Summe netto     1.330,00",
        "MwSt 19%     252,70",
        "Gesamtbetrag     1.582,70",
        "Wir freuen uns auf Ihren Auftrag",
    ),
    "a budget": ("Budget 2024", "Rent     1,200.00", "Food     450.00", "Total     1,650.00"),
    "a report of a laboratory": (
        "Laboratory report",
        "Date 14/03/2024",
        "Hemoglobin     14.50     13.00",
        "Total cholesterol     5.20     < 5.00",
    ),
    "what food consists of": (
        "Nutrition Information",
        "Per 100g     Per serving",
        "Fat 12.50     3.75",
        "Sugars 8.20     2.46",
        "Total carbs 45.00",
    ),
    "a form about taxes": (
        "Form 1040",
        "Total income     45,000.00",
        "Standard deduction     12,950.00",
        "Taxable income     32,050.00",
        "Tax     3,650.00",
    ),
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


@pytest.mark.parametrize(
    "balances",
    [
        ("Alter Saldo     100,00", "Neuer Saldo     95,20"),
        ("Previous balance     50.00", "Closing balance     45.20"),
    ],
)
def test_balances_of_a_card_below_the_total_are_on_receipts(balances: tuple[str, str]) -> None:
    receipt = read(
        "Bäckerei Kron",
        "12.03.2024",
        "Brot     4,80",
        "Summe     4,80",
        "Karte     4,80",
        *balances,
    )
    assert (receipt.total.value, receipt.reasons) == ("4.80", ())


def test_a_slip_of_a_card_is_a_receipt_by_the_number_that_it_hides() -> None:
    receipt = read(
        "JOE'S DINER", "03/14/2023", "XXXXXXXXXXXX4821", "AMOUNT     $11.35", "TIP     ______"
    )
    assert (receipt.total.value, receipt.date.value) == ("11.35", "2023-03-14")


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
