"""The closed list of log events; docs/events.md describes each."""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """Everything that inboxd ever logs, by the name it is logged under."""

    DAEMON_STARTED = "daemon.started"
    DAEMON_READY = "daemon.ready"
    DAEMON_RELOADED = "daemon.reloaded"
    DAEMON_STOPPING = "daemon.stopping"
    DAEMON_STOPPED = "daemon.stopped"
    DAEMON_UNSAFE = "daemon.unsafe"
    LEDGER_REBUILT = "ledger.rebuilt"
    INBOX_MISSING = "inbox.missing"
    INBOX_RESTORED = "inbox.restored"
    INBOX_OVERFLOW = "inbox.overflow"
    INBOX_POLLING = "inbox.polling"
    JOB_QUEUED = "job.queued"
    JOB_CLAIMED = "job.claimed"
    JOB_DONE = "job.done"
    JOB_REJECTED = "job.rejected"
    JOB_FAILED = "job.failed"
    JOB_PARKED = "job.parked"
    JOB_DUPLICATE = "job.duplicate"
    JOB_RETRIED = "job.retried"
    JOB_CANCELLED = "job.cancelled"
    DELIVERY_STARTED = "delivery.started"
    DELIVERY_PROGRESS = "delivery.progress"
    DELIVERY_ATTEMPT_FAILED = "delivery.attempt_failed"
    DELIVERY_DELIVERED = "delivery.delivered"
    DELIVERY_PAUSED = "delivery.paused"
    VIRUS_SCAN_SKIPPED = "virus_scan.skipped"
    READING_DONE = "reading.done"
    READING_FAILED = "reading.failed"
    ENVIRONMENT_PAUSED = "environment.paused"
    ENVIRONMENT_RESUMED = "environment.resumed"
