"""Token buckets."""

from media.limits import Allowance, TokenBucket

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


def test_an_allowance_is_used_up_and_fills_again_with_time() -> None:
    allowance = Allowance(1000, 100, now_ns=0)
    allowance.left -= 100
    allowance.fill(S // 20)
    assert allowance.left == 50
    allowance.fill(10 * S)
    assert allowance.left == 100, "unused time is not saved up beyond the burst"
