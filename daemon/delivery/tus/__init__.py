"""Servers for resumable uploads by tus 1.0."""
