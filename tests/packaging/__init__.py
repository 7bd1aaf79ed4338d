"""Tests of what is shipped around the code: README, lock files, service files."""
