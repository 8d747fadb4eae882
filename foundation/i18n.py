"""Which language a reader wants, and how figures are written in it (ux.md section 9, "Figures").

People read Beijing time on a 24-hour clock; machines get UTC.
"""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel.core import parse_locale

from foundation.errors import LANGS, Lang

BEIJING = ZoneInfo("Asia/Shanghai")
_WEEKDAYS = "一二三四五六日"
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def pick_lang(header: str | None, cookie: str | None, default: Lang = "zh") -> Lang:
    """The reader's own choice (cookie ``yk_lang``), else the best of Accept-Language (RFC 9110 §12.5.4), else ours."""
    for lang in LANGS:
        if cookie == lang:
            return lang
    best: tuple[float, Lang] | None = None
    for part in (header or "")[:500].split(","):
        tag, _, rest = part.strip().partition(";")
        quality = _quality(rest)
        known = _known(tag)
        if known is not None and quality > 0 and (best is None or quality > best[0]):
            best = (quality, known)
    return best[1] if best else default


def _quality(rest: str) -> float:
    name, _, value = rest.strip().partition("=")
    try:
        return float(value) if name == "q" else 1.0
    except ValueError:
        return 0.0


def _known(tag: str) -> Lang | None:
    try:
        language = parse_locale(tag, sep="-")[0]
    except ValueError:
        return None
    return next((lang for lang in LANGS if lang == language), None)


def long_time(at: datetime, lang: str = "zh") -> str:
    """2025年11月24日（星期一）14:30 / Mon 24 Nov 2025, 14:30"""
    local = at.astimezone(BEIJING)
    return f"{long_day(local.date(), lang)}{', ' if lang == 'en' else ''}{local:%H:%M}"


def long_day(day: date, lang: str = "zh") -> str:
    """2025年11月24日（星期一） / Mon 24 Nov 2025"""
    if lang == "en":
        return f"{_DAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year}"
    return f"{day.year}年{day.month}月{day.day}日（星期{_WEEKDAYS[day.weekday()]}）"


def table_time(at: datetime) -> str:
    """2025-11-24 14:30:05, for tables, in either language."""
    return f"{at.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"


def clock_time(at: datetime) -> str:
    """14:30:05: a colon always means time of day."""
    return f"{at.astimezone(BEIJING):%H:%M:%S}"


def length(seconds: float, lang: str = "zh") -> str:
    """12分34秒 / 12 min 34 s; never with a colon. Less than a second counts as none."""
    whole = max(0, int(seconds))
    units = ("小时", "分", "秒") if lang == "zh" else (" h", " min", " s")
    parts = [whole // 3600, whole % 3600 // 60, whole % 60]
    shown = [f"{n}{unit}" for n, unit in zip(parts, units, strict=True) if n]
    return ("" if lang == "zh" else " ").join(shown) or f"0{units[2]}"


def minutes_range(low: int, high: int, lang: str = "zh") -> str:
    """5～10分钟 / 5–10 min. Estimates are told to five minutes."""
    low, high = 5 * (low // 5), max(5, -5 * (-high // 5))
    span = f"{high}" if low == high else f"{low}～{high}" if lang == "zh" else f"{low}–{high}"
    return f"{span}分钟" if lang == "zh" else f"{span} min"


def percent(share: float) -> str:
    """98.6%: one decimal, rounded down, so that nothing incomplete reads as 100.0%."""
    return f"{int(share * 1000 + 1e-9) / 10:.1f}%"


def mask_phone(number: str) -> str:
    """138****5678; a shorter number keeps its last two digits."""
    digits = "".join(c for c in number if c.isdigit())
    if len(digits) < 8:
        return "*" * max(0, len(digits) - 2) + digits[-2:]
    return f"{digits[:3]}****{digits[-4:]}"


def mask_name(name: str) -> str:
    """张*: the first character stays, for people who know whom they expect."""
    name = name.strip()
    return name[:1] + "*" * (1 if len(name) > 1 else 0)
