"""Slots are a function of who is there: nobody is lost, nobody jumps, no memory is needed."""

from hypothesis import given
from hypothesis import strategies as st

from media.contract import SLOT_MIDS
from signaling.messages import TrackKind
from signaling.slots import MOST_PEOPLE, Source, free_position, slots_for

KINDS: list[TrackKind] = ["audio", "camera", "screen"]
people = st.lists(st.sampled_from(range(MOST_PEOPLE)), unique=True, max_size=MOST_PEOPLE)
tracks = st.frozensets(st.sampled_from(KINDS), min_size=1)


@st.composite
def sources(draw: st.DrawFn) -> list[Source]:
    return [Source(f"leg_{position}", position, draw(tracks)) for position in draw(people)]


@given(sources())
def test_everybody_sees_and_hears_everybody_else_exactly_once(there: list[Source]) -> None:
    for viewer in there:
        filled = slots_for(viewer.position, viewer.leg, there)
        playing = [(slot.leg, slot.kind) for slot in filled if slot.leg is not None]
        wanted = [(other.leg, kind) for other in there if other.leg != viewer.leg for kind in other.tracks]
        assert sorted(playing) == sorted(wanted)  # type: ignore[type-var]


@given(sources())
def test_the_slots_are_those_of_the_offer_and_carry_what_they_can(there: list[Source]) -> None:
    filled = slots_for(0, "leg_0", there)
    assert tuple(slot.mid for slot in filled) == SLOT_MIDS
    assert all(slot.kind is None or (slot.kind == "audio") == slot.mid.startswith("a") for slot in filled)


@given(sources(), st.data())
def test_a_source_keeps_its_slot_whoever_comes_or_goes(there: list[Source], data: st.DataObject) -> None:
    if len(there) < 2:
        return
    viewer = there[0]
    gone = data.draw(st.sampled_from(there[1:]))
    before = {(s.leg, s.kind): s.mid for s in slots_for(viewer.position, viewer.leg, there)}
    left = [source for source in there if source is not gone]
    after = {(s.leg, s.kind): s.mid for s in slots_for(viewer.position, viewer.leg, left) if s.leg is not None}
    assert all(before[key] == mid for key, mid in after.items())


@given(sources(), st.randoms())
def test_the_order_of_the_rows_does_not_matter(there: list[Source], random: object) -> None:
    shuffled = list(there)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert slots_for(3, "leg_3", there) == slots_for(3, "leg_3", shuffled)


def test_positions_are_given_from_below_until_the_record_is_full() -> None:
    taken: list[int] = []
    while (position := free_position(taken)) is not None:
        taken.append(position)
    assert taken == list(range(MOST_PEOPLE))
    taken.remove(2)
    assert free_position(taken) == 2
