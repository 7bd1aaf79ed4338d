"""Understanding the lines of a receipt: amounts, dates, merchant, items, arithmetic."""
