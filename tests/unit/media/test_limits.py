"""Token buckets."""

from media.limits import TokenBucket

S = 1_000_000_000


def test_a_bucket_grants_its_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(10, 5)
    assert sum(bucket.take(0) for _ in range(20)) == 5
    assert sum(bucket.take(S // 10) for _ in range(20)) == 1
    assert sum(bucket.take(100 * S) for _ in range(20)) == 5, "unused time is not saved up beyond the burst"


def test_what_does_not_fit_costs_nothing() -> None:
    bucket = TokenBucket(1, 5)
    assert not bucket.take(0, 6)
    assert bucket.take(0, 5)
