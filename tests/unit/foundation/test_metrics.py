import pytest

from foundation.metrics import Metrics


def test_asking_twice_for_a_metric_gives_the_same_one():
    metrics = Metrics()
    metrics.counter("sheets", "Sheets made.").inc()
    metrics.counter("sheets", "Sheets made.").inc()
    assert metrics.value("sheets_total") == 2


def test_two_nodes_in_one_process_count_apart():
    one, other = Metrics(), Metrics()
    one.gauge("rooms", "Rooms open.", ("kind",)).labels("inspection").set(3)
    assert one.value("rooms", kind="inspection") == 3
    assert other.value("rooms", kind="inspection") == 0


def test_a_name_is_of_one_kind_only():
    metrics = Metrics()
    metrics.counter("sheets", "Sheets made.")
    with pytest.raises(TypeError, match="Counter"):
        metrics.gauge("sheets", "Sheets made.")


def test_the_text_is_prometheus_own():
    metrics = Metrics()
    metrics.histogram("build_seconds", "Time to build.").observe(0.2)
    assert b"yuankan_build_seconds_count 1.0" in metrics.render()
