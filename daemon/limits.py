"""Bounds that are not configuration, are shared, or that a test makes smaller."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one daemon; sizes in bytes, times in seconds."""

    # watching
    rescan_every: float = 60.0
    """The slow rescan that finds what no event announced."""
    poll_every: float = 1.0
    """Between two looks at a folder whose file system sends no events."""
    patience: float = 10.0
    """An empty or cut-off file is given this many settle times to grow before it is judged."""
    canary_every: float = 20.0
    """Between two probe files that prove we still see."""
    canary_within: float = 10.0
    """A probe not seen for this long means that we are blind."""

    first_look: float = 10.0
    """How long a start waits for its inboxes to be watched before it says that it is ready."""
    once_waits: float = 60.0
    """How long `once` waits for a file that somebody keeps open for writing."""

    # jobs
    window: int = 256
    """Jobs of one inbox that are claimed and not yet filed."""
    commit_group: int = 512
    """Ledger writes that share one commit."""

    # files and parsing
    read_block: int = 256 * KIB
    """One read while hashing or sending."""
    prove_timeout: float = 30.0
    """Wall time a parser gets to prove one file."""
    prove_memory: int = 1536 * MIB
    """Address space of a proving child."""
    read_memory: int = 3 * 1024 * MIB
    """Address space of a reading child; onnxruntime maps far more than it uses."""
    read_again: float = 15.0
    """The first pause after an OCR service took no page; doubled each time, up to `park_max`."""
    read_give_up: float = 86_400.0
    """A file that an OCR service does not take for so long is done without its text."""
    child_tasks: int = 500
    """Files one child handles before it is replaced."""
    frames: int = 2000
    """Frames or pages that are counted before a file is called too long to walk."""
    reserve_space: int = 64 * MIB
    """Free bytes that we leave on a disk."""

    # delivery
    answer_head: int = 64 * KIB
    """Bytes of status line and headers taken from a server."""
    answer_body: int = 64 * KIB
    """Bytes of an answer's body that are kept."""
    keep_idle: float = 60.0
    """A connection that was unused for longer is not used again: a router on its way may have
    forgotten it, and then the next file would wait for an answer in vain."""
    retry_after_cap: float = 3600.0
    """The longest pause a server can ask for."""
    wait_in_run: float = 10.0
    """The longest pause that a server asks for and that a run makes, if `retry: max` is shorter."""
    park_max: float = 900.0
    """The longest pause between two runs of attempts."""
    progress_every: float = 2.0
    """Between two progress log events of one delivery."""

    # service
    proof_within: float = 90.0
    """Health needs proof that is no older: a canary seen, a scan ended, the ledger written."""
    drain_timeout: float = 60.0
    """What is under way gets this long to finish after a stop."""
    interrupt_timeout: float = 10.0
    """What is ended at once gets this long to notice."""


DEFAULT = Limits()
