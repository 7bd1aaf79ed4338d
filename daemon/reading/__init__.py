"""Turning a file into lines of text with positions: pages, engines, the text layer of a PDF."""
