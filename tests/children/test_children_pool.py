from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.children import child as child_module
from daemon.children.confinement import Profile
from daemon.children.errors import (
    ChildDiedError,
    ChildFailedError,
    ChildStartError,
    ChildTimeoutError,
)
from daemon.children.limits import ChildLimits
from daemon.children.pool import ChildPool
from daemon.errors import EnvironmentFaultError, Kind, StoppedError
from tests.waiting import PATIENCE, eventually

MIB = 1024 * 1024
LIMITS = ChildLimits(memory=512 * MIB, cpu=5.0, answer=MIB)
SOON = PATIENCE

MakePool = Callable[..., ChildPool]


@pytest.fixture
def make_pool() -> Iterator[MakePool]:
    """Makes pools of a target of targets.py and closes them."""
    pools: list[ChildPool] = []

    def make(target: str, size: int = 1, limits: ChildLimits = LIMITS, **more: Any) -> ChildPool:
        name = f"{__package__}.targets:{target}"
        pools.append(ChildPool(name, name=target, size=size, limits=limits, **more))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


def is_gone(pid: int) -> bool:
    """Whether a process has ended with all its threads, reaped or not."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return len(threads) <= 1 and text.rpartition(")")[2].split()[0] in "ZX"


def test_an_answer_comes_back_and_the_child_stays_warm(make_pool: MakePool) -> None:
    """Two requests are answered by one process that was set up once."""
    pool = make_pool("echo", setup={"a": [1, None, "ü"]})
    first: Any = pool.run({"n": 1}, timeout=SOON)
    second: Any = pool.run("again", timeout=SOON)
    assert first["request"] == {"n": 1}
    assert first["setup"] == {"a": [1, None, "ü"]}
    assert second["request"] == "again"
    assert second["count"] == 2
    assert second["pid"] == first["pid"] != os.getpid()


def test_a_long_request_gets_through(make_pool: MakePool) -> None:
    """A request longer than the socket's buffer is sent in parts."""
    pool = make_pool("echo", limits=ChildLimits(memory=512 * MIB, cpu=5.0))
    answer: Any = pool.run("x" * (8 * MIB), timeout=SOON)
    assert len(answer["request"]) == 8 * MIB


def test_the_descriptor_is_the_open_file_itself(make_pool: MakePool, tmp_path: Path) -> None:
    """The child reads what was opened, even if the name is gone by then."""
    path = tmp_path / "file"
    path.write_text("seen through a descriptor")
    pool = make_pool("read")
    with path.open("rb") as file:
        path.unlink()
        assert pool.run(None, file.fileno(), timeout=SOON) == "seen through a descriptor"
        assert pool.run(None, file.fileno(), timeout=SOON) == "seen through a descriptor"
    assert pool.run(None, timeout=SOON) is None


def test_an_exception_is_told_and_the_child_lives_on(make_pool: MakePool) -> None:
    """What the target raises arrives by type and text."""
    pool = make_pool("misbehave")
    before = pool.run("pid", timeout=SOON)
    with pytest.raises(ChildFailedError) as caught:
        pool.run("raise", timeout=SOON)
    assert (caught.value.type, caught.value.detail) == ("ValueError", "not like this")
    assert caught.value.origin is None
    assert pool.run("pid", timeout=SOON) == before


def test_an_error_of_ours_keeps_its_code(make_pool: MakePool) -> None:
    """A fault that the target raised on purpose arrives as that fault."""
    with pytest.raises(ChildFailedError) as caught:
        make_pool("misbehave").run("refuse", timeout=SOON)
    origin = caught.value.origin
    assert origin is not None
    assert (origin.code, origin.message, origin.kind) == ("odd", "an odd thing", Kind.TRANSIENT)


@pytest.mark.parametrize("wrong", ["wait", "hold"])
def test_a_child_that_hangs_is_killed_and_replaced(make_pool: MakePool, wrong: str) -> None:
    """The wall time ends a request, also where the child holds its interpreter."""
    pool = make_pool("misbehave")
    before = pool.run("pid", timeout=SOON)
    with pytest.raises(ChildTimeoutError):
        pool.run(wrong, timeout=0.2)
    assert isinstance(before, int)
    assert is_gone(before)
    assert pool.run("pid", timeout=SOON) != before


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("segfault", f"signal {signal.SIGSEGV:d}"),
        ("exit", "exit 7"),
        ("eat", "memory"),
    ],
)
def test_a_death_has_a_reason_and_a_successor(make_pool: MakePool, wrong: str, reason: str) -> None:
    """A child that ends in a request is a fact about the request; the next one is answered."""
    pool = make_pool("misbehave")
    with pytest.raises(ChildDiedError) as caught:
        pool.run(wrong, timeout=SOON)
    assert caught.value.reason == reason
    assert isinstance(pool.run("pid", timeout=SOON), int)


def test_processor_time_is_limited_for_each_task(make_pool: MakePool) -> None:
    """A child that spins ends by its processor limit, not only by the wall clock."""
    pool = make_pool("misbehave", limits=ChildLimits(memory=512 * MIB, cpu=0.2))
    with pytest.raises(ChildDiedError) as caught:
        pool.run("spin", timeout=SOON)
    assert caught.value.reason == "cpu"


@pytest.mark.parametrize(
    ("what", "most", "refusal"),
    [("write on", 4 * MIB, "EFBIG"), ("open on", 32, "EMFILE"), ("leave a core", 0, None)],
)
@pytest.mark.parametrize("profile", Profile)
def test_files_and_descriptors_are_limited(
    make_pool: MakePool, profile: Profile, what: str, most: int, refusal: str | None
) -> None:
    """Beyond that is a refusal, not a death; and what it held in memory is not left in a core."""
    limits = ChildLimits(memory=512 * MIB, cpu=5.0, file_size=4 * MIB, open_files=32)
    came = make_pool("overstep", limits=limits, profile=profile).run(what, timeout=SOON)
    assert isinstance(came, list)
    used, said = came
    assert said == refusal
    assert isinstance(used, int)
    assert most - 16 <= used <= most


def test_a_child_that_hangs_up_and_lives_on_is_killed(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing the socket does not free a child from its parent."""
    monkeypatch.setattr(child_module, "_REAP", 0.2)
    pool = make_pool("misbehave")
    pid = pool.run("pid", timeout=SOON)
    with pytest.raises(ChildDiedError):
        pool.run("hang up", timeout=SOON)
    assert isinstance(pid, int)
    assert eventually(lambda: is_gone(pid))


def test_a_child_is_replaced_after_its_tasks(make_pool: MakePool) -> None:
    """No process answers more requests than its limits say."""
    pool = make_pool("echo", limits=ChildLimits(memory=512 * MIB, cpu=5.0, tasks=2))
    answers: list[Any] = [pool.run(n, timeout=SOON) for n in range(4)]
    assert [answer["count"] for answer in answers] == [1, 2, 1, 2]
    assert is_gone(answers[0]["pid"])


def test_a_child_that_died_at_rest_is_replaced_unnoticed(make_pool: MakePool) -> None:
    """A death between two requests is no fault of the second one."""
    pool = make_pool("misbehave")
    pid = pool.run("pid", timeout=SOON)
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: is_gone(pid))
    assert pool.run("pid", timeout=SOON) != pid


def test_a_stop_ends_a_request_at_once(make_pool: MakePool) -> None:
    """The stop event kills the child that works for us."""
    pool = make_pool("misbehave")
    pid = pool.run("pid", timeout=SOON)
    assert isinstance(pid, int)
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    with pytest.raises(StoppedError):
        pool.run("wait", timeout=SOON, stop=stop)
    assert is_gone(pid)


def test_a_stop_ends_the_wait_for_a_free_child(make_pool: MakePool) -> None:
    """Who waits in line leaves it when told, and the one at work is not disturbed."""
    pool = make_pool("misbehave")
    pool.run("pid", timeout=SOON)
    stop_first = threading.Event()
    first = in_thread(lambda: pool.run("wait", timeout=SOON, stop=stop_first))
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        pool.run("pid", timeout=SOON, stop=stop)
    stop_first.set()
    assert isinstance(first(), StoppedError)


def test_two_children_work_at_once(make_pool: MakePool) -> None:
    """A second request does not wait for the first where there are two places."""
    pool = make_pool("misbehave", size=2)
    stop = threading.Event()
    first = in_thread(lambda: pool.run("wait", timeout=SOON, stop=stop))
    assert isinstance(pool.run("pid", timeout=SOON), int)
    stop.set()
    assert isinstance(first(), StoppedError)


def test_many_threads_share_few_children(make_pool: MakePool) -> None:
    """Each caller gets the answer to its own request, and no more children run than may."""
    pool = make_pool("echo", size=2)
    answers: dict[int, Any] = {}

    def ask(number: int) -> None:
        for _turn in range(5):
            answers[number] = pool.run(number, timeout=SOON)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    assert {number: answer["request"] for number, answer in answers.items()} == {
        number: number for number in range(8)
    }
    assert len({answer["pid"] for answer in answers.values()}) <= 2


def test_closing_ends_what_is_under_way(make_pool: MakePool) -> None:
    """After close nothing runs, nothing waits, and nothing can be asked."""
    pool = make_pool("misbehave")
    pid = pool.run("pid", timeout=SOON)
    assert isinstance(pid, int)
    working = in_thread(lambda: pool.run("wait", timeout=SOON))
    waiting = in_thread(lambda: pool.run("pid", timeout=SOON))
    pool.close()
    assert isinstance(working(), StoppedError)
    assert isinstance(waiting(), StoppedError)
    assert eventually(lambda: is_gone(pid))
    with pytest.raises(StoppedError):
        pool.run("pid", timeout=SOON)


def test_an_answer_that_is_too_long_is_refused(make_pool: MakePool) -> None:
    """An answer over the limit is a failure of the target, not a burden on the parent."""
    with pytest.raises(ChildFailedError, match="too long"):
        make_pool("misbehave", limits=ChildLimits(memory=512 * MIB, cpu=5, answer=4096)).run(
            "shout", timeout=SOON
        )


def test_an_answer_that_is_not_json_is_a_failure(make_pool: MakePool) -> None:
    """What cannot be carried is told by type."""
    with pytest.raises(ChildFailedError) as caught:
        make_pool("misbehave").run("mumble", timeout=SOON)
    assert caught.value.type == "TypeError"


def test_secrets_of_the_environment_stay_with_the_parent(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child sees only the few variables that it needs."""
    monkeypatch.setenv("INBOXD_TEST_SECRET", "planted")
    assert make_pool("misbehave").run("secret", timeout=SOON) is None


@pytest.mark.parametrize(("target", "told"), [("broken", "no model file"), ("deadly", "exit 3")])
def test_a_target_that_cannot_be_built_is_our_fault(
    make_pool: MakePool, target: str, told: str
) -> None:
    """What fails before the first request is about our machine, not about a file."""
    with pytest.raises(ChildStartError, match=told) as caught:
        make_pool(target).run(None, timeout=SOON)
    assert caught.value.kind is Kind.ENVIRONMENT


def test_too_little_memory_to_start_is_our_fault(make_pool: MakePool) -> None:
    """Limits that not even the interpreter fits into are no verdict on a file."""
    with pytest.raises(ChildStartError):
        make_pool("echo", limits=ChildLimits(memory=MIB, cpu=5.0)).run("x" * MIB, timeout=SOON)


def test_a_machine_that_can_start_nothing_is_our_fault(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No process to be had is an environment fault, and the place is free again afterwards."""

    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    pool = make_pool("echo")
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", refuse)
        with pytest.raises(EnvironmentFaultError):
            pool.run(1, timeout=SOON)
    assert pool.run(1, timeout=SOON) is not None


def test_what_a_child_started_goes_with_it(make_pool: MakePool) -> None:
    """Killing a child kills its whole group."""
    pool = make_pool("misbehave", profile=Profile.PROGRAMS)
    pid = pool.run("start another", timeout=SOON)
    assert isinstance(pid, int)
    assert not is_gone(pid)
    pool.close()
    assert eventually(lambda: is_gone(pid))


def test_a_terminal_or_service_stop_does_not_reach_a_child(make_pool: MakePool) -> None:
    """SIGINT and SIGTERM leave a child at work; only its parent ends it."""
    pool = make_pool("misbehave")
    pid = pool.run("pid", timeout=SOON)
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGTERM)
    os.kill(pid, signal.SIGINT)
    assert pool.run("pid", timeout=SOON) == pid
    assert os.getsid(pid) != os.getsid(0)


def test_a_child_goes_before_its_parent_when_memory_runs_out(make_pool: MakePool) -> None:
    """The kernel is told to kill a parser rather than the daemon."""
    score = Path(f"/proc/{make_pool('misbehave').run('pid', timeout=SOON)}/oom_score_adj")
    assert int(score.read_text()) > int(Path("/proc/self/oom_score_adj").read_text())


def test_nothing_is_left_open(make_pool: MakePool) -> None:
    """Children come and go without leaving descriptors behind."""
    before = set(os.listdir("/proc/self/fd"))
    pool = make_pool("misbehave", limits=ChildLimits(memory=512 * MIB, cpu=5.0, tasks=2))
    for wrong in ("pid", "raise", "exit", "pid", "pid", "shout"):
        with contextlib.suppress(ChildDiedError, ChildFailedError):
            pool.run(wrong, 0, timeout=SOON)
    with pytest.raises(ChildTimeoutError):
        pool.run("wait", 0, timeout=0.1)
    with pytest.raises(ChildStartError):
        make_pool("broken").run(None, timeout=SOON)
    pool.close()
    assert set(os.listdir("/proc/self/fd")) <= before


_PARENT = """
import sys, threading, time
from daemon.children.confinement import Profile
from daemon.children.limits import ChildLimits
from daemon.children.pool import ChildPool
limits = ChildLimits(memory=512 << 20, cpu=5.0)
pool = ChildPool(sys.argv[1], name="x", size=1, limits=limits, profile=Profile.PROGRAMS)
print(pool.run("pid", timeout=20), pool.run("start another", timeout=20), flush=True)
print("asking", flush=True)
pool.run(sys.argv[2], timeout=600)
"""


@pytest.mark.parametrize("wrong", ["wait", "hold"])
def test_a_killed_parent_leaves_no_child(wrong: str) -> None:
    """kill -9 of the parent ends its children and theirs, whatever they are doing."""
    root = Path(__file__).parents[2]
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, f"{__package__}.targets:misbehave", wrong],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    with parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert parent.stdout.readline() == "asking\n"
        assert len(pids) == 2
        assert not any(map(is_gone, pids))
        parent.kill()
    assert eventually(lambda: all(map(is_gone, pids)))


def in_thread(work: Callable[[], object]) -> Callable[[], object]:
    """Start work in a thread; returns what waits for its result or its exception."""
    results: list[object] = []

    def run() -> None:
        try:
            results.append(work())
        except (StoppedError, ChildDiedError, ChildTimeoutError) as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def result() -> object:
        thread.join(SOON)
        return results[0]

    return result
