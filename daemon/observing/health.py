"""Whether the daemon is healthy, judged from proof and not from being alive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Proof:
    """What was last proven, in monotonic seconds; None where there is no proof yet.

    `seen` is when each inbox's probe file was last noticed, or why none can be dropped there.
    """

    started: float
    seen: Mapping[str, float | str | None]
    ledger_written: float | None
    steps_moved: float
    missing: tuple[str, ...] = ()
    paused: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """The judgement, with a sentence for each thing that is wrong."""

    healthy: bool
    ready: bool
    reasons: tuple[str, ...]


def assess(proof: Proof, now: float, *, within: float, grace: float) -> Health:
    """Judge health at monotonic time `now`.

    Proof older than `within` seconds does not count; during the first `grace` seconds its absence
    is forgiven.
    """
    young = now - proof.started < grace
    reasons = []
    for inbox, when in proof.seen.items():
        if isinstance(when, str):
            continue
        if inbox in proof.missing:
            continue
        if not _fresh(when, now, within) and not (young and when is None):
            reasons.append(f"inbox {inbox}: no probe file was seen within {within:.0f} s")
    if not _fresh(proof.ledger_written, now, within) and not (
        young and proof.ledger_written is None
    ):
        reasons.append(f"the ledger was not written within {within:.0f} s")
    if not _fresh(proof.steps_moved, now, within):
        reasons.append(f"the pipeline did not answer within {within:.0f} s")
    waiting = [f"inbox {inbox}: its folder is missing" for inbox in proof.missing]
    if proof.paused is not None:
        waiting.append(f"paused: {proof.paused}")
    return Health(
        healthy=not reasons,
        ready=not reasons and not waiting,
        reasons=(*reasons, *waiting),
    )


def _fresh(when: float | None, now: float, within: float) -> bool:
    return when is not None and now - when <= within
