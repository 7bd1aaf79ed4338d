"""inboxd: a folder-watching daemon that delivers, reads and records what lands in an inbox."""

__version__ = "0.1.0"
