"""Folders on a disk or a mount."""
