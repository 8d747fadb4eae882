"""How the replay words what happens in a help service."""

from datetime import UTC, datetime

from helpdesk.words import ServiceWords
from office.events import StoredEvent
from recordings.timeline import words


def test_in_a_help_service_it_is_the_citizen_who_is_asked() -> None:
    event = StoredEvent(
        record="rec_1", seq=1, at=datetime(2025, 11, 24, tzinfo=UTC), actor="stf_1", tag="officer:request:made",
        media_time_ns=None, media_error_ns=None, salt="", body_text="{}", body_hash="", prev_hash="", hash="",
        body={"text": "走近一些"},
    )  # fmt: skip
    assert words(event, ServiceWords())[0] == "帮办员请办事人：走近一些"
