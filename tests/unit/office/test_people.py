"""Names, numbers, places, waiting times and messages as people read them."""

from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from office.demo import DATA, new_password
from office.matter import load_matter
from office.notices import code_text, invitation_text
from office.person import distance_m, mask_name, mask_name_en, mask_phone, normalise_phone
from office.queue import estimate
from office.register import Office
from office.secret import open_text, seal_text

OFFICE = Office(
    code="990101",
    parent=None,
    level="district",
    name="松汀区政务服务中心",
    gloss="Songting District Service Centre",
    short="松汀区",
    address="",
    lat=None,
    lon=None,
    phone="0532-12345",
    hours={},
    inspection_matters=[],
)


@pytest.mark.parametrize(
    ("name", "zh", "en"),
    [
        ("张三", "张*", "张 *"),
        ("欧阳锋", "欧阳*", "欧阳 *"),
        ("欧阳", "欧*", "欧 *"),
        ("John Smith", "John *", "John *"),
        ("阿卜杜拉·买买提", "阿卜杜拉·*", "阿卜杜拉·*"),
        ("", "", " *"),
        (" 李 ", "李*", "李 *"),
    ],
)
def test_a_name_is_known_by_its_surname_only(name: str, zh: str, en: str) -> None:
    assert mask_name(name) == zh
    if name:
        assert mask_name_en(name) == en


@pytest.mark.parametrize(
    ("given_as", "stored", "shown"),
    [
        ("138 1234 5678", "13812345678", "138****5678"),
        ("+86-138-1234-5678", "13812345678", "138****5678"),
        ("０１３８", None, ""),
        ("１３８１２３４５６７８", "13812345678", "138****5678"),
        ("0532-12345678", "0532-12345678", "****5678"),
        ("(010) 8765 4321", "010-87654321", "****4321"),
        ("+49 30 123456", "+4930123456", "****3456"),
        ("12", None, ""),
        ("hello", None, ""),
    ],
)
def test_a_number_has_one_spelling_and_is_shown_masked(given_as: str, stored: str | None, shown: str) -> None:
    assert normalise_phone(given_as) == stored
    if stored is not None:
        assert mask_phone(stored) == shown


@given(st.text(max_size=20))
def test_masks_never_show_more_than_they_should(text: str) -> None:
    assert mask_name(text).endswith("*") or not text.strip()
    assert sum(each.isdigit() for each in mask_phone(text)) <= 7


def test_distances_on_the_ground_are_those_of_the_map() -> None:
    # One minute of latitude is a nautical mile: 1852 m to 0.1 % on this sphere.
    assert distance_m((35.0, 120.0), (35.0 + 1 / 60, 120.0)) == pytest.approx(1853, abs=1)
    assert distance_m((35.0, 120.0), (35.0, 120.0)) == 0
    assert distance_m((0, 179.99), (0, -179.99)) == pytest.approx(2224, abs=2)
    assert distance_m((90, 0), (-90, 0)) == pytest.approx(20_015_115, rel=1e-4)


@given(st.integers(0, 50), st.floats(5, 60), st.integers(0, 9), st.floats(0, 60))
def test_an_estimate_is_a_range_to_five_minutes_or_unknown(
    ahead: int, typical: float, officers: int, free: float
) -> None:
    queue = estimate(ahead, typical, officers, free)
    if officers == 0:
        assert (queue.minutes_low, queue.minutes_high, queue.officer_on_duty) == (None, None, False)
        return
    assert queue.minutes_low is not None and queue.minutes_high is not None
    assert queue.minutes_low % 5 == queue.minutes_high % 5 == 0
    assert 0 <= queue.minutes_low <= queue.minutes_high and queue.minutes_high >= 5
    more = estimate(ahead + 1, typical, officers, free)
    assert more.minutes_high is not None and more.minutes_high >= queue.minutes_high


def test_the_text_message_is_the_one_that_was_designed() -> None:
    matter = load_matter((DATA / "matters" / "food-catering.yaml").read_text("utf-8"))
    at = datetime(2025, 11, 24, 6, 30, tzinfo=UTC)
    assert invitation_text(OFFICE, matter, "张三", at, "zh") == (
        "【松汀区政务服务中心】张*，您的“食品经营许可”定于11月24日（星期一）14:30远程视频勘验，"
        "请用现场的手机打开{secret}。不收费，不用下载软件。核实：0532-12345"
    )
    assert invitation_text(OFFICE, matter, "Zhang San", at, "en") == (
        "[Songting District Service Centre] Zhang *: remote video inspection for your food business permit, "
        "Mon 24 Nov 14:30. Open {secret} on a phone at the premises. No fee, no app. To check: 0532-12345"
    )
    assert "{secret}" in code_text(OFFICE, 10, "zh") and "10 minutes" in code_text(OFFICE, 10, "en")


def test_a_sealed_secret_opens_for_its_own_row_and_key_only() -> None:
    key, sealed = b"k" * 32, seal_text(b"k" * 32, "https://demo.test/i/abc", "not_1")
    assert open_text(key, sealed, "not_1") == "https://demo.test/i/abc"
    for wrong_key, owner in ((b"x" * 32, "not_1"), (key, "not_2")):
        with pytest.raises(InvalidTag):
            open_text(wrong_key, sealed, owner)


def test_demonstration_passwords_can_be_read_off_a_slip() -> None:
    made = {new_password() for _ in range(200)}
    assert len(made) == 200
    assert not set("".join(made)) & set("0O1lI")
