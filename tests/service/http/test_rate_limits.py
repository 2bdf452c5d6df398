"""Token buckets keep the rate, whatever the times asked at."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from segue.service.http.rate_limits import Buckets


@given(
    rate=st.floats(0.5, 100),
    burst=st.integers(1, 50),
    gaps=st.lists(st.floats(0, 3), min_size=1, max_size=100),
)
def test_never_more_than_burst_plus_rate_times_time(rate: float, burst: int, gaps: list[float]) -> None:
    buckets = Buckets(rate=rate, burst=burst)
    now, taken = 0.0, 0
    for gap in gaps:
        now += gap
        wait = buckets.take("key", now=now)
        taken += wait == 0.0
        assert taken <= burst + rate * now + 1e-6
        assert wait <= 1.0 / rate + 1e-9


def test_keys_do_not_share_a_bucket_and_waiting_helps() -> None:
    buckets = Buckets(rate=1.0, burst=1)
    assert buckets.take("a", now=0.0) == 0.0
    wait = buckets.take("a", now=0.0)
    assert wait > 0.0
    assert buckets.take("b", now=0.0) == 0.0
    assert buckets.take("a", now=wait) == 0.0


def test_a_clock_that_steps_back_gives_no_tokens_and_takes_none() -> None:
    buckets = Buckets(rate=1.0, burst=1)
    assert buckets.take("a", now=100.0) == 0.0
    assert buckets.take("a", now=50.0) > 0.0
    assert buckets.take("a", now=51.0) == 0.0
