"""Noticing files: native events and polling as hints, the scan as the truth, settling, the canary."""
