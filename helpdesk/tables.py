"""Tables of the hall, and the index that guides are found by.

Rows are read and written by `directory` (guides, lines, windows) and `store` (tickets, ratings) only.
"""

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from foundation.db import Json, UtcTime, keep_beside, metadata

guides = Table(
    "guides",
    metadata,
    Column("slug", String(60), primary_key=True),
    Column("name", String(120), nullable=False),
    Column("gloss", String(200), nullable=False),
    # helpdesk.guide.Guide whole; what it is found by stands in `terms`, separated by spaces.
    Column("body", Text, nullable=False),
    Column("terms", Text, nullable=False),
)

lines = Table(
    "lines",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("office", String(20), ForeignKey("offices.code"), nullable=False),
    # The letter on the tickets: A of A023.
    Column("letter", String(2), nullable=False),
    Column("name", String(60), nullable=False),
    Column("gloss", String(120), nullable=False),
    # Slugs of the guides whose people wait here.
    Column("guides", Json, nullable=False),
    UniqueConstraint("office", "letter"),
)

windows = Table(
    "windows",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("office", String(20), ForeignKey("offices.code"), nullable=False),
    Column("number", String(10), nullable=False),
    Column("name", String(60), nullable=False),
    Column("gloss", String(120), nullable=False),
    Column("line", String(40), ForeignKey("lines.id"), nullable=False, index=True),
    # Who sits there; nobody while it is closed. One person sits at one window.
    Column("agent", String(40), unique=True),
    Column("opened_at", UtcTime),
    # Open, but calling nobody just now.
    Column("away", Boolean, nullable=False),
    UniqueConstraint("office", "number"),
)

counters = Table(
    "number_counters",
    metadata,
    Column("line", String(40), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("last", Integer, nullable=False),
)

tickets = Table(
    "tickets",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("office", String(20), nullable=False),
    Column("queue", String(40), ForeignKey("lines.id"), nullable=False),
    Column("day", String(10), nullable=False),
    # The letter it was taken under; kept where it is handed to another line.
    Column("letter", String(2), nullable=False),
    Column("number", Integer, nullable=False),
    Column("minutes", Float, nullable=False),
    Column("state", String(12), nullable=False),
    Column("priority", String(10), nullable=False),
    Column("band", Integer, nullable=False),
    Column("rank", UtcTime, nullable=False),
    Column("came", UtcTime, nullable=False),
    Column("slot", UtcTime),
    Column("away_until", UtcTime),
    Column("calls", Integer, nullable=False),
    Column("called_at", UtcTime),
    Column("missed_at", UtcTime),
    Column("window", String(40)),
    Column("handed_to", String(40)),
    Column("held_until", UtcTime),
    # Above, helpdesk.queue.Ticket; below, what the rules do not ask about.
    Column("guide", String(60), nullable=False),
    Column("name", String(80), nullable=False),
    Column("phone", String(20)),
    Column("lang", String(2), nullable=False),
    Column("holder_hash", String(64), nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("taken_at", UtcTime, nullable=False),
    Column("told_near_at", UtcTime),
    Column("ended_at", UtcTime),
    # How many moves it has made: the next one's number.
    Column("moves", Integer, nullable=False),
    # Asked for help by video, so nobody stands in the hall; the help service, once there is one.
    Column("video", Boolean, nullable=False),
    Column("record", String(40), unique=True),
    # Who is next in a line, where somebody stands in it, all that midnight looks at; what a browser and a telephone
    # have; who is at a window or offered to it. What is over is in none of them, and few acts change more than one:
    # each is a page of the disk to be written.
    *(
        Index(None, *columns, sqlite_where=text(which), postgresql_where=text(which))
        for columns, which in (
            (("queue", "band", "rank", "came", "id"), "ended_at IS NULL"),
            (("holder_hash",), "ended_at IS NULL"),
            (("phone",), "ended_at IS NULL"),
            (("window",), '"window" IS NOT NULL AND ended_at IS NULL'),
            (("handed_to",), "handed_to IS NOT NULL AND ended_at IS NULL"),
        )
    ),
)

moves = Table(
    "ticket_moves",
    metadata,
    Column("ticket", String(40), ForeignKey("tickets.id"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcTime, nullable=False),
    Column("act", String(12), nullable=False),
    Column("state", String(12), nullable=False),
    Column("actor", String(120), nullable=False),
    Column("window", String(40)),
    Column("queue", String(40), nullable=False),
    # Kept where its key is: one page to be written for a move, not two.
    sqlite_with_rowid=False,
)

ratings = Table(
    "ratings",
    metadata,
    # One service, one rating.
    Column("ticket", String(40), ForeignKey("tickets.id"), primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("level", Integer, nullable=False),
    Column("reasons", Json, nullable=False),
    Column("words", Text, nullable=False),
    Column("call_back", Boolean, nullable=False),
)

# Names with `_search` are left alone by alembic (foundation.migrations): the index follows from the rows of `guides`.
_INDEX = {
    "sqlite": (
        "CREATE VIRTUAL TABLE IF NOT EXISTS guides_search USING fts5(slug UNINDEXED, terms)",
        "CREATE TRIGGER IF NOT EXISTS guides_search_added AFTER INSERT ON guides "
        "BEGIN INSERT INTO guides_search (slug, terms) VALUES (new.slug, new.terms); END",
        "CREATE TRIGGER IF NOT EXISTS guides_search_changed AFTER UPDATE ON guides "
        "BEGIN UPDATE guides_search SET terms = new.terms WHERE slug = old.slug; END",
        "CREATE TRIGGER IF NOT EXISTS guides_search_removed AFTER DELETE ON guides "
        "BEGIN DELETE FROM guides_search WHERE slug = old.slug; END",
    ),
    "postgresql": (
        # Terms are ours already: a parser of a language would only take them apart again.
        "CREATE INDEX IF NOT EXISTS guides_search ON guides USING gin (string_to_array(terms, ' '))",
    ),
}


def make_search_index(connection: Connection) -> None:
    """The index of each engine over `guides.terms`, kept by the engine itself; doing it again changes nothing."""
    for statement in _INDEX[connection.dialect.name]:
        connection.exec_driver_sql(statement)


keep_beside(guides, make_search_index)
