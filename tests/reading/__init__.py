"""Tests of reading: pages, orientation, tiles, text layers, engines."""
