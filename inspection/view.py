"""What one party sees of an inspection now: whole, after every change, filtered by role.

The shape is the protocol's.
"""

from collections.abc import Mapping
from datetime import date, datetime

from msgspec import Struct

from office.view import SessionView


class StepView(Struct, frozen=True, kw_only=True):
    """`required`: a result that concludes needs it; `again`: it was done, and an interruption makes it due again."""

    done_at: datetime | None
    by: str
    required: bool
    again: bool = False


class SectionView(Struct, frozen=True, kw_only=True):
    key: str
    title: str
    gloss: str


class BasisView(Struct, frozen=True, kw_only=True):
    title: str
    clause: str
    verified: bool


class OptionView(Struct, frozen=True, kw_only=True):
    value: str
    label: str
    gloss: str


class AnswerView(Struct, frozen=True, kw_only=True):
    type: str
    unit: str = ""
    min: float | None = None
    max: float | None = None
    decimals: int | None = None
    expected: float | None = None
    record_only: bool = False
    options: tuple[OptionView, ...] = ()
    max_distance_m: float | None = None
    max_length: int | None = None


class MediaView(Struct, frozen=True, kw_only=True):
    kind: str
    count: int = 0
    seconds: int = 0


class ConflictView(Struct, frozen=True, kw_only=True):
    """The answer that was displaced by somebody who had not seen it; both are on record."""

    by: str
    at: datetime
    value: str | None
    measured: float | None
    choice: str | None
    seq: int


class ItemView(Struct, frozen=True, kw_only=True):
    id: str
    number: int
    section: str
    text: str
    gloss: str
    basis: tuple[BasisView, ...]
    critical: bool
    severity: str
    answer: AnswerView
    media: tuple[MediaView, ...]
    film: str
    prepare: str
    applies: bool
    required: bool
    value: str | None
    measured: float | None
    choice: str | None
    text_answer: str | None
    note: str
    by: str
    at: datetime | None
    verdict: str | None
    photos: tuple[str, ...]
    photos_required: int
    seq: int
    should_be: str
    should_be_en: str
    conflict: ConflictView | None


class ChecklistView(Struct, frozen=True, kw_only=True):
    sections: tuple[SectionView, ...]
    items: tuple[ItemView, ...]
    answered: int
    open: int
    fails: int
    required_open: int
    suggested: str | None


class PhotoView(Struct, frozen=True, kw_only=True):
    id: str
    item: str | None
    sha256: str
    at: datetime
    width: int
    height: int
    state: str


class PlaceView(Struct, frozen=True, kw_only=True):
    lat: float
    lon: float
    accuracy_m: float
    distance_m: float | None
    at: datetime


class ReasonView(Struct, frozen=True, kw_only=True):
    """Why no concluding result yet; `params` let a client say it in its own words."""

    code: str
    text: str
    text_en: str
    item: str | None = None
    params: dict[str, str | int] = {}


class ObjectionView(Struct, frozen=True, kw_only=True):
    item: str | None
    text: str
    at: datetime


class View(SessionView, frozen=True, kw_only=True):
    steps: Mapping[str, StepView]
    checklist: ChecklistView
    photos: tuple[PhotoView, ...]
    place: PlaceView | None
    may_close: bool
    close_reasons: tuple[ReasonView, ...]
    result_note: str
    rectify_by: date | None
    objections: tuple[ObjectionView, ...]
