"""The kinds of session of this installation, and what each brings: link, replay, sheet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from helpdesk import directory
from helpdesk.kind import HELP
from helpdesk.words import ServiceWords
from inspection.kind import INSPECTION
from inspection.wording import checklist_words
from office import store
from office.services import Subject, matter_of
from office.session import SessionKind
from recordings.timeline import Wording

KINDS: Mapping[str, SessionKind[Any, Any]] = {INSPECTION.name: INSPECTION, HELP.name: HELP}


async def subject_of(conn: AsyncConnection, record: store.Record, case: store.Case) -> Subject | None:
    """What a record is about."""
    if record.kind != HELP.name:
        return await matter_of(conn, record, case)
    guide = await directory.get_guide(conn, case.matter)
    if guide is None:
        return None
    documents = tuple((paper.name, paper.gloss) for paper in guide.documents if paper.required)
    minutes = round(guide.typical_minutes.video)
    return Subject(name=guide.name, gloss=guide.gloss, minutes=minutes, documents=documents)


async def wording_of(conn: AsyncConnection, record: str) -> Wording:
    """How the replay of this record names things. LookupError if there is no such record."""
    row = await store.get_record(conn, record)
    if row is not None and row.kind == HELP.name:
        return ServiceWords()
    return checklist_words(await INSPECTION.load(conn, record))
