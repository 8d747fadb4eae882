"""What processes without pages count is read at any node, for as long as they live."""

from foundation.bus import Bus
from foundation.clock import ManualClock
from foundation.metrics import Metrics
from foundation.telemetry import SILENT_S, SUBJECT, Listener, told
from tests.support.waiting import until


async def test_figures_of_other_processes_are_among_a_nodes_own_until_they_fall_silent(
    bus: Bus, clock: ManualClock
) -> None:
    node, packager, other = Metrics(), Metrics(), Metrics()
    node.counter("http_requests", "Requests answered.").inc(3)
    listener = Listener(node, bus, clock)
    await listener.start()
    packager.counter("recording_parts", "Parts stored and read back").inc(7)
    packager.counter("packager_faults", "Steps that failed", ("code",)).labels("O03").inc()
    other.counter("recording_parts", "Parts stored and read back").inc(2)
    for name, metrics in (("p1", packager), ("p2", other)):
        await bus.publish(SUBJECT, told(name, metrics))
    await bus.publish(SUBJECT, b"nonsense")

    def text() -> str:
        return node.render().decode()

    await until(lambda: None if 'process="p2"' in text() else text())
    shown = text()
    assert 'yuankan_recording_parts_total{process="p1"} 7.0' in shown
    assert 'yuankan_recording_parts_total{process="p2"} 2.0' in shown
    assert 'yuankan_packager_faults_total{code="O03",process="p1"} 1.0' in shown
    assert "yuankan_http_requests_total 3.0" in shown
    assert shown.count("# TYPE yuankan_recording_parts_total counter") == 1
    clock.advance(SILENT_S + 1)
    assert "recording_parts" not in text() and "yuankan_http_requests_total 3.0" in text()
    await listener.stop()
    await bus.publish(SUBJECT, told("p1", packager))
    assert "recording_parts" not in text()
