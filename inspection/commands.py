"""What a client may ask of an inspection: the shared commands and those of its own procedure, one union tagged on
`do`.
"""

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta

from office.commands import Command, Id, Line, SharedCommand, SystemCommand, Text

Step = Literal["identity", "show_credentials", "tell_rights", "consent_to_recording", "walk_round", "read_back"]
Value = Literal["conforms", "fails", "not_applicable", "not_seen"]
Result = Literal["pass", "rectify_and_reinspect", "go_on_site", "fail", "suspend"]


class StepMark(Command, frozen=True, kw_only=True, tag="step.mark"):
    """An officer states that a step of the procedure was done (行政许可法 §34, 亮证, 告知)."""

    step: Step
    method: Line = ""
    note: Text = ""


class AnswerSet(Command, frozen=True, kw_only=True, tag="answer.set"):
    """One answer of the checklist, whole. `seen_seq`: the item's `seq` on the officer's screen when they answered."""

    item: Id
    value: Value | None = None
    measured: Annotated[float, Meta(ge=-1e9, le=1e9)] | None = None
    choice: Line | None = None
    text: Annotated[str, Meta(max_length=2000)] | None = None
    note: Text = ""
    seen_seq: Annotated[int, Meta(ge=0)] = 0


class PhotoAsk(Command, frozen=True, kw_only=True, tag="photo.ask"):
    item: Id | None = None
    text: Line = ""


class PhotoRefuse(Command, frozen=True, kw_only=True, tag="photo.refuse"):
    request: Id
    reason: Line = ""


class Close(Command, frozen=True, kw_only=True, tag="close"):
    """The lead gives the result; answers cannot change afterwards. `rectify_by` belongs to `rectify_and_reinspect`."""

    result: Result
    note: Text = ""
    rectify_by: date | None = None


class SheetObject(Command, frozen=True, kw_only=True, tag="sheet.object"):
    """The applicant disagrees with an item, or with the whole (item absent); it goes into the sheet as written."""

    item: Id | None = None
    text: Annotated[str, Meta(min_length=1, max_length=1000)]


class SheetRead(Command, frozen=True, kw_only=True, tag="sheet.read"):
    pass


OwnCommand = StepMark | AnswerSet | PhotoAsk | PhotoRefuse | Close | SheetObject | SheetRead
ClientCommand = SharedCommand | OwnCommand
"""Decode a client's command with `msgspec.json.decode(data, type=ClientCommand)`."""
AnyCommand = ClientCommand | SystemCommand
