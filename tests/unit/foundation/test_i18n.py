from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.i18n import (
    clock_time,
    length,
    long_day,
    long_time,
    mask_name,
    mask_phone,
    minutes_range,
    percent,
    pick_lang,
    table_time,
)

AT = datetime(2025, 11, 24, 6, 30, 5, tzinfo=UTC)


def test_times_are_told_in_beijing_on_a_24_hour_clock():
    assert long_time(AT) == "2025年11月24日（星期一）14:30"
    assert long_time(AT, "en") == "Mon 24 Nov 2025, 14:30"
    assert table_time(AT) == "2025-11-24 14:30:05"
    assert clock_time(AT) == "14:30:05"


def test_a_late_evening_in_utc_is_the_next_day_in_beijing():
    assert long_time(datetime(2025, 11, 23, 17, 0, tzinfo=UTC)) == "2025年11月24日（星期一）01:00"
    assert long_day(date(2025, 11, 30)) == "2025年11月30日（星期日）"


@pytest.mark.parametrize(
    ("seconds", "zh", "en"),
    [
        (0, "0秒", "0 s"),
        (0.9, "0秒", "0 s"),
        (42, "42秒", "42 s"),
        (754, "12分34秒", "12 min 34 s"),
        (3600, "1小时", "1 h"),
        (3661, "1小时1分1秒", "1 h 1 min 1 s"),
    ],
)
def test_lengths_never_wear_a_colon(seconds, zh, en):
    assert length(seconds) == zh
    assert length(seconds, "en") == en


def test_estimates_are_told_to_five_minutes():
    assert minutes_range(5, 10) == "5～10分钟"
    assert minutes_range(6, 9) == "5～10分钟"
    assert minutes_range(0, 3, "en") == "0–5 min"
    assert minutes_range(5, 5, "en") == "5 min"


def test_a_share_is_rounded_down_so_that_a_gap_never_reads_as_whole():
    assert percent(0.986) == "98.6%"
    assert percent(0.99999) == "99.9%"
    assert percent(1.0) == "100.0%"


def test_people_are_named_and_numbered_only_in_part():
    assert mask_phone("13812345678") == "138****5678"
    assert mask_phone("138 1234 5678") == "138****5678"
    assert mask_phone("12345") == "***45"
    assert mask_name("张伟") == "张*"
    assert mask_name("欧阳小明") == "欧*"


@pytest.mark.parametrize(
    ("header", "cookie", "lang"),
    [
        (None, None, "zh"),
        ("en-US,en;q=0.9,zh;q=0.5", None, "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", None, "zh"),
        ("en;q=0.2,zh-TW;q=0.7", None, "zh"),
        ("de-DE,fr", None, "zh"),
        ("de-DE,en;q=0.1", None, "en"),
        ("en;q=0", None, "zh"),
        ("zh-CN", "en", "en"),
        ("en", "xx", "en"),
    ],
)
def test_the_readers_own_choice_comes_first_then_the_browsers(header, cookie, lang):
    assert pick_lang(header, cookie) == lang


@given(st.text(max_size=80), st.text(max_size=10))
def test_any_header_gives_a_language(header, cookie):
    assert pick_lang(header, cookie) in ("zh", "en")
