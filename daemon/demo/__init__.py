"""The demonstration: sample receipts drawn by us and a receiver on loopback."""
