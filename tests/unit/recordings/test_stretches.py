"""Poor picture and weak line as stretches of the time line."""

from datetime import timedelta
from typing import Any

import msgspec

from recordings.manifest import manifest_up_to
from recordings.stretches import QualityStretch, stretches
from recordings.timeline import timeline, words
from tests.unit.recordings.test_manifest import CALL, START, WORDS, chain, epoch


def changed(
    second: float, finding: str, about: str = "picture", leg: str = "leg_1"
) -> tuple[float, str, str, dict[str, Any]]:
    body = {"leg": leg, "about": about, "finding": finding, "at": START.isoformat()}
    return second, "system", "worker:quality:changed", body


def test_each_lasts_until_the_next_word_or_the_end() -> None:
    events = chain(
        *CALL[:3],
        changed(5, "dark"),
        changed(7, "weak", "sending"),
        changed(9, "covered"),
        changed(11, "good"),
        changed(30, "weak", "receiving", "leg_2"),
        (34, "system", "worker:leg:down", {"leg": "leg_1", "direction": "publish", "cause": "closed"}),
    )
    assert stretches(events, START, 40_000) == [
        ("leg_1", QualityStretch(5000, 9000, "picture", "dark")),
        ("leg_1", QualityStretch(7000, 34_000, "sending", "weak")),
        ("leg_1", QualityStretch(9000, 11_000, "picture", "covered")),
        ("leg_2", QualityStretch(30_000, 40_000, "receiving", "weak")),
    ]


def test_an_erased_word_is_no_word() -> None:
    events = chain(*CALL[:3], changed(5, "dark"), changed(9, "good"))
    erased = [msgspec.structs.replace(event, body={}, body_text=None, salt=None) for event in events]
    assert stretches(erased, START, 10_000) == []


def test_the_time_line_has_them_beside_the_persons_strip_and_no_mark_of_them() -> None:
    events = chain(*CALL[:3], changed(5, "dark"), changed(9, "good"))
    manifest = manifest_up_to("rec_1", events, [epoch("ep_1", 0, 20)], START + timedelta(seconds=20))
    line = timeline(manifest, events, {}, live=False, wording=WORDS)
    assert [(leg.leg, leg.quality) for leg in line.legs if leg.quality] == [
        ("leg_1", (QualityStretch(5000, 9000, "picture", "dark"),))
    ]
    assert not [mark for mark in line.marks if "quality" in mark.tag]


def test_an_event_has_words_for_it() -> None:
    event = chain(*CALL[:3], changed(5, "dark"))[-1]
    assert words(event, WORDS) == ("画面和网络：偏暗", "Picture and network: Dim")
