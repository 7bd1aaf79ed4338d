"""Noticing files: events and polling as hints, the scan as the truth, settling, the canary."""
