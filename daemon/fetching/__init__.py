"""Fetching what a link file names, trusting neither the file nor the server."""
