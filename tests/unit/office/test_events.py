"""The chain: whatever is changed, left out, moved or forged is named with its place."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from office.events import GENESIS, NewEvent, StoredEvent, canonical_line, encode_body, seal, verify

NOW = datetime(2026, 11, 24, 6, 30, 5, 123, tzinfo=UTC)
BODIES = st.dictionaries(
    st.text(max_size=5), st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=9), max_size=4
)


def chain(*bodies: dict[str, object]) -> list[StoredEvent]:
    made: list[StoredEvent] = []
    for number, body in enumerate(bodies):
        new = NewEvent(tag="officer:message:said", actor="stf_li", body=body, media_time_ns=number * 10**9)
        at = NOW + timedelta(seconds=number)
        made.append(seal("rec_1", made[-1] if made else None, new, at, f"{number:032x}"))
    return made


def test_the_line_is_spelled_as_documented() -> None:
    (event,) = chain({"text": "好"})
    assert canonical_line(event) == (
        f"rec_1|1|2026-11-24T06:30:05.000123Z|stf_li|officer:message:said|0||{event.body_hash}|{GENESIS}"
    )
    assert event.body_text == '{"text":"好"}'


@given(st.lists(BODIES, min_size=1, max_size=8), st.data())
def test_a_changed_field_is_found_where_it_was_changed(bodies: list[dict[str, object]], data: st.DataObject) -> None:
    events = chain(*bodies)
    assert verify(events).ok
    at = data.draw(st.integers(0, len(events) - 1))
    field, value, reason = data.draw(
        st.sampled_from(
            [
                ("actor", "stf_x", "hash"),
                ("tag", "officer:answer:set", "hash"),
                ("at", NOW + timedelta(days=1), "hash"),
                ("media_time_ns", 7, "hash"),
                ("body_text", '{"text":"forged"}', "body"),
                ("salt", "f" * 32, "body"),
                ("prev_hash", "1" * 64, "link"),
                ("record", "rec_2", "record" if at or len(events) > 1 else "hash"),
            ]
        )
    )
    events[at] = replace(events[at], **{field: value})
    verdict = verify(events)
    assert not verdict.ok
    if field == "record" and at == 0 and len(events) > 1:
        # The first entry says which record it is; its own hash is what does not fit.
        assert (verdict.broken_seq, verdict.reason) == (1, "hash")
    else:
        assert (verdict.broken_seq, verdict.reason) == (at + 1, reason)
    assert verdict.length == verdict.broken_seq - 1  # type: ignore[operator]


def test_a_missing_a_moved_and_a_doubled_event_break_the_sequence() -> None:
    events = chain({"n": 1}, {"n": 2}, {"n": 3})
    for broken, seq in (
        ([events[0], events[2]], 2),
        ([events[0], events[2], events[1]], 2),
        ([events[0], events[1], events[1]], 3),
        (events[1:], 1),
    ):
        assert (verify(broken).broken_seq, verify(broken).reason) == (seq, "sequence")


def test_erasing_bodies_hides_what_was_said_and_keeps_the_proof() -> None:
    events = chain({"name": "张三"}, {"name": "李四"})
    erased = [replace(event, body={}, body_text=None, salt=None) for event in events]
    verdict = verify(erased)
    assert (verdict.ok, verdict.erased, verdict.head) == (True, 2, verify(events).head)


def test_the_same_body_with_another_salt_has_another_hash() -> None:
    new = NewEvent(tag="a:b:c", actor="x", body={"name": "张三"})
    one, other = (seal("rec_1", None, new, NOW, salt * 32) for salt in "ab")
    assert one.body_hash != other.body_hash


def test_an_empty_chain_is_whole() -> None:
    assert (verify([]).ok, verify([]).head) == (True, GENESIS)


def test_a_local_time_is_stored_as_utc() -> None:
    local = NOW.astimezone(timezone(timedelta(hours=8)))
    event = seal("rec_1", None, NewEvent(tag="a:b:c", actor="x", body={}), local, "0" * 32)
    assert event.at == NOW and "06:30:05.000123Z" in canonical_line(event)


@pytest.mark.parametrize("field", ["tag", "actor"])
@pytest.mark.parametrize("value", ["", "a|b", "a\nb"])
def test_a_field_that_would_blur_the_line_is_refused(field: str, value: str) -> None:
    new = replace(NewEvent(tag="a:b:c", actor="x", body={}), **{field: value})
    with pytest.raises(ValueError):
        seal("rec_1", None, new, NOW, "0" * 32)


def test_an_event_is_no_container() -> None:
    with pytest.raises(ValueError):
        encode_body({"photo": "x" * 70_000})
    with pytest.raises(ValueError):
        seal("rec_1", None, NewEvent(tag="a:b:c", actor="x", body={}), NOW.replace(tzinfo=None), "0" * 32)
