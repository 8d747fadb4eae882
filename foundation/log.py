"""Logs: one event a line, JSON for collectors or plain for people, without telephone or identity numbers.

`setup` is called once by each program's entry point. Two nodes in one process tell themselves apart by
`bind(node=…)`, which follows the task. Control characters are written as escapes, so a line break in a name cannot
forge a line, nor a terminal's code hide one (ASVS 5 16.4.1).
"""

import logging
import re
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, TextIO

import structlog

# Letters on either side mean a hash or an identifier, not a number somebody can be called at.
_PHONE = re.compile(r"(?<![0-9A-Za-z])((?:\+?86[- ]?)?1[3-9]\d)[- ]?(\d{4})[- ]?(\d{4})(?![0-9A-Za-z])")
_ID_NUMBER = re.compile(r"(?<![0-9A-Za-z])(\d{6})\d{8}(\d{3}[0-9Xx])(?![0-9A-Za-z])")
_SECRET_KEYS = frozenset({"token", "password", "sms_code", "authorization", "cookie", "secret", "key"})
# What ends a line or steers a terminal: C0, DEL, C1, and Unicode's own line and paragraph separators.
_CONTROLS = {n: f"\\x{n:02x}" for n in (*range(32), *range(127, 160))} | {0x2028: "\\u2028", 0x2029: "\\u2029"}
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def redact(text: str) -> str:
    """The text with telephone numbers as 138****5678 and identity numbers as 370202********1234."""
    return _ID_NUMBER.sub(r"\1********\2", _PHONE.sub(r"\1****\3", text))


def clean(value: Any) -> Any:
    """`redact` through every string of plain data, controls escaped; values under a secret's name replaced whole."""
    match value:
        case str():
            return redact(value).translate(_CONTROLS)
        case dict():
            return {key: "***" if str(key).lower() in _SECRET_KEYS else clean(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [clean(item) for item in value]
        case BaseException():
            return redact(f"{type(value).__name__}: {value}").translate(_CONTROLS)
        case _:
            return value


def _clean_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if key == "exception":  # a traceback of ours keeps its lines
            event[key] = redact(str(value))
        else:
            event[key] = "***" if key in _SECRET_KEYS else clean(value)
    return event


def setup(level: str = "info", *, json: bool = False, stream: TextIO | None = None) -> None:
    """Send this process's logs to `stream` (standard error by default)."""
    out = stream or sys.stderr
    renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False) if json else _console(out)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _clean_event,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    # Libraries that use the standard library's logging: warnings and worse, through the same door.
    root = logging.getLogger()
    root.handlers[:] = [_Forward()]
    root.setLevel(logging.WARNING)


def _console(out: TextIO) -> Any:
    return structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback)


class _Forward(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        extra = {"exc_info": record.exc_info} if record.exc_info else {}
        structlog.get_logger().log(record.levelno, record.getMessage(), part=record.name, **extra)


def get(name: str) -> Any:
    """A logger that adds `part=name` to every line; `get("jobs").info("done", job=job_id)`."""
    return structlog.get_logger(part=name)


@contextmanager
def bind(**values: Any) -> Iterator[None]:
    """Add these values to every line of this task (and of tasks it starts) while the block runs."""
    with structlog.contextvars.bound_contextvars(**values):
        yield
