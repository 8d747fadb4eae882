"""The manifest from a record's events and epochs; the final one extends the one of the cut."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from inspection.wording import checklist_words
from office.events import NewEvent, StoredEvent, seal
from office.fold import _CHANGES as READINGS
from recordings import mark_words
from recordings.chain import Chain
from recordings.digests import digest_of
from recordings.entries import unpackaged_legs
from recordings.epoch import EpochEntry
from recordings.manifest import extends, from_json, manifest_up_to, to_json
from recordings.timeline import ClusterMark, _kind, timeline
from tests.unit.inspection.acting import facts

CHINESE = re.compile(r"[\u3400-\u9fff]")
WORDS = checklist_words(facts("food-catering"))
START = datetime(2025, 11, 24, 6, 30, tzinfo=UTC)


def chain(*told: tuple[float, str, str, dict[str, Any]]) -> list[StoredEvent]:
    """Events (second, actor, tag, body) of one record."""
    out: list[StoredEvent] = []
    for second, actor, tag, body in told:
        new = NewEvent(tag=tag, actor=actor, body=body)
        out.append(seal("rec_1", out[-1] if out else None, new, START + timedelta(seconds=second), "0" * 32))
    return out


def epoch(name: str, start_s: float, length_s: float, leg: str = "leg_1", **changes: Any) -> EpochEntry:
    whole = ((0, int(length_s * 1000)),)
    entry = EpochEntry(
        epoch=name,
        session="call_1",
        leg=leg,
        kind="camera",
        worker="w",
        start_wall_ns=int((START + timedelta(seconds=start_s)).timestamp() * 1_000_000_000),
        start_ms=0,
        error_ms=20,
        length_ms=int(length_s * 1000),
        mime='video/webm; codecs="vp8,opus"',
        clusters=2,
        size=100,
        chain="c" * 64,
        chain_sm3="",
        closed=True,
        video_runs=whole,
        audio_runs=whole,
    )
    return msgspec.structs.replace(entry, **changes)


def joined(
    second: float, person: str, role: str, leg: str, name: str = "张伟"
) -> tuple[float, str, str, dict[str, Any]]:
    source = "applicant" if role == "applicant" else "officer"
    return second, person, f"{source}:person:joined", {"name": name, "role": role, "leg": leg}


CALL = [
    joined(-60, "inv_1", "applicant", "leg_1"),
    joined(-5, "stf_1", "lead", "leg_2", "王敏"),
    (0, "stf_1", "officer:call:started", {"call": "call_1"}),
    (10, "stf_1", "officer:answer:set", {"item": "fc-27", "value": "fails", "measured": 12.0}),
    (20, "system", "worker:media:interrupted", {"leg": "leg_1", "cause": "network"}),
    joined(22, "inv_1", "applicant", "leg_3"),
    (24, "system", "worker:media:resumed", {"leg": "leg_3"}),
    (25, "inv_1", "applicant:interruption:reported",
     {"cause": "phone_call", "started_at": "2025-11-24T06:30:20Z", "ended_at": "2025-11-24T06:30:24Z"}),
    (60, "stf_1", "officer:record:closed", {"result": "pass"}),
    (100, "stf_1", "officer:call:ended", {}),
]  # fmt: skip
EPOCHS = [epoch("ep_1", 0, 20), epoch("ep_2", 24, 76, "leg_3"), epoch("ep_3", 0, 100, "leg_2")]


def test_a_reconnection_stands_in_the_strip_with_the_cause_the_phone_reported() -> None:
    manifest = manifest_up_to("rec_1", chain(*CALL), EPOCHS, START + timedelta(seconds=100), final=True)
    applicant = next(leg for leg in manifest.legs if leg.role == "applicant")
    assert applicant.legs == ("leg_1", "leg_3")
    assert [(s.from_ms, s.to_ms, s.class_, s.cause) for s in applicant.segments] == [
        (0, 20_000, "live", ""),
        (20_000, 24_000, "interrupted", "phone_call"),
        (24_000, 100_000, "live", ""),
    ]
    assert manifest.coverage.percent == 96.0
    assert sum(manifest.coverage.seconds_by_class.values()) == 100
    assert [(gap.class_, gap.cause, gap.name) for gap in manifest.coverage.gaps] == [
        ("interrupted", "phone_call", "张伟")
    ]
    assert manifest.moment_ms(START + timedelta(seconds=10)) == 10_000
    assert manifest.moment_ms(START - timedelta(seconds=10)) is None


def screens(told: list[tuple[float, str, str, dict[str, Any]]], *epochs: EpochEntry) -> list[tuple[int, int, str]]:
    """The row of the citizen's shared screen in the replay."""
    events = chain(*sorted([*CALL[:4], *told, (100, "stf_1", "officer:call:ended", {})], key=lambda one: one[0]))
    manifest = manifest_up_to("rec_1", events, [epoch("ep_1", 0, 100), *epochs], START + timedelta(seconds=100))
    legs = timeline(manifest, events, {}, live=False, wording=WORDS).legs
    assert [leg.leg for leg in legs if leg.role == "applicant"] == ["leg_1"] and manifest.coverage.percent == 100
    return [(s.from_ms, s.to_ms, s.class_) for leg in legs if leg.role == "screen" for s in leg.strip]


def screen(second: float, verb: str) -> tuple[float, str, str, dict[str, Any]]:
    return second, "inv_1", f"applicant:screen:{verb}", {}


def test_a_shared_screen_has_its_strip_while_it_is_shared_whether_it_moves_or_not() -> None:
    # Two pictures, the second a second before the connection that they came on ends with the sharing.
    still = epoch("ep_9-screen", 30.2, 9, kind="screen", video_runs=((300, 320), (8900, 8920)), audio_runs=())
    beside = epoch("ep_9", 30.2, 9.7)
    assert screens([screen(30, "shared"), screen(40, "ended")], still, beside) == [(30_500, 39_900, "live")]
    # Still shared when the record ends.
    assert screens([screen(91, "shared")], epoch("ep_9-screen", 92, 8, kind="screen")) == [(92_000, 100_000, "live")]


def test_a_screen_that_was_shared_and_is_not_on_record_is_a_gap_of_its_row() -> None:
    parts = [epoch(f"ep_{n}-screen", at, 10, kind="screen", audio_runs=()) for n, at in ((7, 30), (8, 50))]
    assert screens([screen(30, "shared"), screen(60, "ended")], *parts) == [
        (30_000, 40_000, "live"), (40_000, 50_000, "interrupted"), (50_000, 60_000, "live"),
    ]  # fmt: skip
    left = [screen(30, "shared"), (35.0, "inv_1", "applicant:call:left", {})]
    assert screens(left, *parts) == [(30_000, 35_000, "live")]


def test_what_our_own_disk_failed_to_record_is_a_gap_with_that_cause() -> None:
    told = [
        *CALL[:4],
        (20.1, "system", "worker:recording:lost", {"leg": "leg_1", "cause": "disk_full"}),
        (29, "system", "worker:recording:resumed", {"leg": "leg_1"}),
        (60, "stf_1", "officer:call:ended", {}),
    ]
    epochs = [epoch("ep_1", 0, 20), epoch("ep_2", 29.4, 30.6), epoch("ep_3", 0, 60, "leg_2")]
    manifest = manifest_up_to("rec_1", chain(*told), epochs, START + timedelta(seconds=60))
    applicant = next(leg for leg in manifest.legs if leg.role == "applicant")
    assert [(s.from_ms, s.to_ms, s.class_, s.cause) for s in applicant.segments] == [
        (0, 20_000, "live", ""),
        (20_000, 29_400, "interrupted", "disk_full"),
        (29_400, 60_000, "live", ""),
    ]
    marks = timeline(manifest, chain(*told), {}, live=False, wording=WORDS).marks
    assert "中断9秒：申请人没有录上：磁盘已满" in [mark.text_zh for mark in marks]
    assert "录音录像中断：没有录上：磁盘已满" in [mark.text_zh for mark in marks]


def test_a_leg_that_sent_and_has_no_recording_yet_is_waited_for() -> None:
    def up(leg: str) -> tuple[float, str, str, dict[str, Any]]:
        return 1, "system", "worker:leg:up", {"leg": leg, "direction": "publish"}

    lost = (2, "system", "worker:recording:lost", {"leg": "leg_3", "cause": "disk_full"})
    events = chain(up("leg_1"), up("leg_2"), up("leg_3"), lost)
    soon, late = START + timedelta(minutes=5), START + timedelta(hours=24)
    assert unpackaged_legs(events, {"leg_1"}, soon) == {"leg_2"}
    assert unpackaged_legs(events, {"leg_1", "leg_2"}, soon) == set()
    assert unpackaged_legs(events, set(), late) == set(), "it connected and sent nothing: one day is enough"


def test_canonical_json_reads_back_the_same() -> None:
    manifest = manifest_up_to("rec_1", chain(*CALL), EPOCHS, START + timedelta(seconds=100))
    assert from_json(to_json(manifest)) == manifest
    assert to_json(from_json(to_json(manifest))) == to_json(manifest)


def test_the_final_manifest_extends_the_one_of_the_cut_or_names_what_does_not_fit() -> None:
    clusters = [b"one", b"two", b"three"]
    links: list[str] = []
    grown = Chain(b"line")
    for data in clusters:
        links.append(grown.add(digest_of(data)).chain)
    at_cut = epoch("ep_1", 0, 60, clusters=2, chain=links[1], closed=False)
    at_end = epoch("ep_1", 0, 100, clusters=3, chain=links[2])
    events = chain(*CALL)
    cut = manifest_up_to("rec_1", events, [at_cut], START + timedelta(seconds=60))
    final = manifest_up_to("rec_1", events, [at_end], START + timedelta(seconds=100), final=True)
    assert cut.events_seq == 9 and final.events_seq == 10
    assert extends(cut, final, lambda _epoch, count: links[count - 1]) == []
    assert extends(cut, final, lambda _epoch, _count: links[0]) == ["ep_1"]
    assert extends(cut, manifest_up_to("rec_1", events, [], START), lambda *_: None) == ["ep_1", "events"]


def test_somebody_who_left_on_purpose_is_not_missing_but_the_applicant_is() -> None:
    told = [*CALL[:4], (30, "stf_1", "officer:call:left", {"leg": "leg_2"}), (40, "inv_1", "applicant:call:left", {})]
    epochs = [epoch("ep_1", 0, 40), epoch("ep_3", 0, 30, "leg_2")]
    manifest = manifest_up_to("rec_1", chain(*told), epochs, START + timedelta(seconds=60))
    found = {leg.role: [(s.from_ms, s.to_ms, s.class_, s.cause) for s in leg.segments] for leg in manifest.legs}
    assert found["lead"] == [(0, 30_000, "live", "")]
    assert found["applicant"] == [(0, 40_000, "live", ""), (40_000, 60_000, "interrupted", "left")]


def test_the_timeline_marks_answers_gaps_and_results_in_both_languages() -> None:
    asking = (12, "stf_1", "officer:photo:asked", {"request": "ask_1", "item": "fc-27", "text": ""})
    events = chain(*CALL[:4], asking, *CALL[4:])
    manifest = manifest_up_to("rec_1", events, EPOCHS, START + timedelta(seconds=100), final=True)
    line = timeline(manifest, events, {"ep_1": [ClusterMark(0, 0, 960, 4000, 1)]}, live=False, wording=WORDS)
    assert line.length_ms == 100_000 and line.coverage_percent == 96.0
    assert [leg.role for leg in line.legs] == ["applicant", "lead"]
    assert line.legs[0].epochs[0].clusters == [ClusterMark(0, 0, 960, 4000, 1)]
    answer = next(mark for mark in line.marks if mark.kind == "answer")
    assert (answer.at_ms, answer.item) == (10_000, "fc-27")
    assert answer.verdict == "fails" and answer.text_zh.endswith("冷藏柜显示温度 不符合，实测12.0℃")
    assert answer.text_en.endswith(
        "Refrigerator temperature: does not conform, measured 12.0 ℃"
    ) and not CHINESE.search(answer.text_en)
    asked = next(mark for mark in line.marks if mark.tag == "officer:photo:asked")
    assert asked.text_zh.endswith("冷藏柜显示温度") and not CHINESE.search(asked.text_en)
    gap = next(mark for mark in line.marks if mark.kind == "gap")
    assert gap.at_ms == 20_000 and gap.text_zh == "中断4秒：申请人接听来电"
    assert all(mark.text_zh and mark.text_en for mark in line.marks)
    assert [mark.at_ms for mark in line.marks] == sorted(mark.at_ms for mark in line.marks)


def test_the_time_line_has_a_word_for_whatever_changes_a_session() -> None:
    shown = {tag.partition(":")[2] for tag in READINGS if _kind(tag) is not None}
    assert "witness:named" in shown and shown <= set(mark_words.WORDS)
