"""What is recommended suits what was measured, and never ends an upload that goes well."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.config.units import parse_duration, parse_rate, written_duration, written_rate
from daemon.delivery.benchmark import Row
from daemon.delivery.recommending import Recommendation, recommend


def row(
    size: int,
    workers: int,
    seconds: float,
    *,
    errors: int = 0,
    p95: float = 0.2,
    answer: float | None = None,
) -> Row:
    """One hundred files."""
    counted = {"busy": errors} if errors else {}
    return Row(size, workers, 100, seconds, p95 / 2, p95, 0.5, counted, answer)


def advised(rows: list[Row], connect: float | None = None) -> Recommendation:
    found = recommend(rows, connect)
    assert found is not None
    return found


ROWS = st.lists(
    st.builds(
        row,
        st.integers(0, 5 * 10**9),
        st.sampled_from([1, 2, 4, 8, 16]),
        st.floats(1e-6, 1e5),
        errors=st.sampled_from([0, 0, 0, 3, 100]),
        p95=st.floats(1e-6, 1e4),
        answer=st.none() | st.floats(0, 1e3),
    ),
    max_size=12,
)


def test_the_smallest_number_near_the_best_is_enough() -> None:
    """Errors rule a number out, and the largest need decides."""
    rows = [row(10, 1, 4.0), row(10, 4, 1.02), row(10, 8, 1.0), row(10, 16, 0.5, errors=1)]
    assert advised(rows).workers == 4
    assert advised([*rows, row(10**6, 1, 9.0), row(10**6, 4, 9.0)]).workers == 4
    assert not advised(rows).more_may_help
    assert recommend([]) is None
    assert recommend([row(10, 1, 4.0, errors=5)]) is None


def test_the_best_at_the_edge_is_told() -> None:
    """Who tried up to 4 and found 4 the best has not found the best yet."""
    assert advised([row(10, 1, 4.0), row(10, 4, 1.0)]).more_may_help
    assert not advised([row(10, 1, 4.0)]).more_may_help


def test_times_of_a_server_nearby() -> None:
    """Nothing is recommended that one lost packet or one busy moment would break."""
    fast = [row(10**3, 1, 0.1, p95=0.001, answer=0.001), row(10**8, 1, 10.0, p95=0.1, answer=0.001)]
    timeout = advised(fast, 0.0005).timeout
    assert (timeout.connect, timeout.read, timeout.transfer) == (5.0, 10.0, 30.0)
    assert timeout.slowest == 1_000_000


def test_times_of_a_slow_server_far_away() -> None:
    """A margin over what was measured, in numbers that a person would write."""
    slow = [row(10**3, 1, 500, p95=5.0, answer=4.0), row(10**7, 1, 9000, p95=100.0, answer=6.0)]
    timeout = advised(slow, 0.9).timeout
    assert (timeout.connect, timeout.read, timeout.slowest) == (10.0, 60.0, 10_000)
    assert timeout.transfer == 60.0


def test_small_files_say_nothing_of_a_rate() -> None:
    """A round trip of a kilobyte is no measure of bandwidth."""
    assert advised([row(1000, 1, 10.0)]).timeout.slowest == 1000


def test_a_destination_that_measures_no_answers() -> None:
    """What a whole small upload lasts is no shorter than the wait for its answer."""
    rows = [row(10, 1, 500, p95=5.0), row(10**7, 1, 9000, p95=100.0)]
    assert advised(rows).timeout.read == 60.0


@given(ROWS, st.none() | st.floats(0, 100))
def test_no_upload_that_was_measured_would_be_ended(rows: list[Row], connect: float | None) -> None:
    """With the times that are recommended it could have been five times as slow."""
    found = recommend(rows, connect)
    if found is None:
        return
    timeout = found.timeout
    assert timeout.connect >= 5 * (connect or 0)
    for each in rows:
        if each.workers <= found.workers and each.delivered:
            assert timeout.transfer + each.size / timeout.slowest >= 5 * each.p95
            assert timeout.read >= 5 * (each.answer_p95 or 0)


@given(ROWS)
def test_what_is_recommended_can_be_written_into_a_configuration(rows: list[Row]) -> None:
    """And says the same there."""
    found = recommend(rows)
    if found is None:
        return
    timeout = found.timeout
    assert parse_rate(written_rate(timeout.slowest)) == timeout.slowest
    for seconds in (timeout.connect, timeout.read, timeout.transfer):
        assert parse_duration(written_duration(seconds)) == seconds
