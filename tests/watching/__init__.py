"""Tests of noticing files."""
