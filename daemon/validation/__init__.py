"""Deciding whether a file is acceptable before anything leaves the machine."""
