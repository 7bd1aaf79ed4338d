"""Whether the daemon is healthy, judged from proof and not from being alive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Proof:
    """What was last proven, in monotonic seconds; None where there is no proof yet.

    `seen` is when each inbox's probe file was last noticed, or why none can be dropped there;
    `paused` is why nothing new is begun, `paused_inboxes` why nothing of some inboxes.
    """

    started: float
    seen: Mapping[str, float | str | None]
    ledger_written: float | None
    steps_moved: float
    missing: tuple[str, ...] = ()
    paused: str | None = None
    paused_inboxes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Health:
    """The judgement, with a sentence for each thing that is wrong.

    `alive` is what systemd's watchdog hears: trouble that is known and waits to pass, such as a
    full disk, is unhealthy but alive, because a restart would not help.
    """

    alive: bool
    healthy: bool
    ready: bool
    reasons: tuple[str, ...]


def assess(proof: Proof, now: float, *, within: float, grace: float) -> Health:
    """Judge health at monotonic time `now`.

    Proof older than `within` seconds does not count; during the first `grace` seconds its absence
    is forgiven.
    """
    young = now - proof.started < grace
    blind = tuple(
        f"inbox {inbox}: no probe file was seen within {within:.0f} s"
        for inbox, when in proof.seen.items()
        if inbox not in proof.missing
        and not isinstance(when, str)
        and not _fresh(when, now, within)
        and not (young and when is None)
    )
    stuck = (
        ()
        if _fresh(proof.steps_moved, now, within)
        else (f"the pipeline did not answer within {within:.0f} s",)
    )
    unwritten = (
        ()
        if _fresh(proof.ledger_written, now, within) or (young and proof.ledger_written is None)
        else (f"the ledger was not written within {within:.0f} s, or is no longer where it was",)
    )
    waiting = tuple(f"inbox {inbox}: its folder is missing" for inbox in proof.missing)
    waiting += tuple(
        f"inbox {inbox}: {why}" for inbox, why in proof.seen.items() if isinstance(why, str)
    )
    if proof.paused is not None:
        waiting += (f"paused: {proof.paused}",)
    waiting += tuple(f"inbox {inbox}: paused: {why}" for inbox, why in proof.paused_inboxes.items())
    reasons = (*blind, *stuck, *unwritten)
    excused = proof.paused is not None
    return Health(
        alive=excused or not reasons,
        healthy=not reasons and not excused and not proof.paused_inboxes,
        ready=not reasons and not waiting,
        reasons=(*reasons, *waiting),
    )


def _fresh(when: float | None, now: float, within: float) -> bool:
    return when is not None and now - when <= within
