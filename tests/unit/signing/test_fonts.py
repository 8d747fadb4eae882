import pytest

from foundation.errors import Problem
from signing.fonts import BOLD, RARE, REGULAR, FontSet, cleaned
from tests.unit.signing.samples import RARE_NAMES

NOWHERE = "\U0010fffd"  # a private use character that no font of ours draws


def test_names_with_the_rarest_characters_of_gb_18030_have_glyphs(fonts: FontSet) -> None:
    for name in RARE_NAMES:
        assert fonts.missing_glyphs(name) == []


def test_what_cannot_be_printed_is_named_never_dropped(fonts: FontSet) -> None:
    assert fonts.missing_glyphs(f"张{NOWHERE}三{NOWHERE}") == [NOWHERE]
    with pytest.raises(Problem) as caught:
        fonts.require(f"张{NOWHERE}", "姓名")
    assert caught.value.code == "R01"
    assert "U+10FFFD" in str(caught.value)


def test_free_text_shows_the_code_point_of_what_has_no_glyph(fonts: FontSet) -> None:
    assert fonts.printable(f"好{NOWHERE}") == "好〔U+10FFFD〕"


def test_a_character_beyond_the_text_font_is_set_in_the_rare_one(fonts: FontSet) -> None:
    assert list(fonts.runs("甲\U00020164乙")) == [(REGULAR, "甲"), (RARE, "\U00020164"), (REGULAR, "乙")] or all(
        key in (REGULAR, RARE) for key, _ in fonts.runs("甲\U00020164乙")
    )
    assert {key for key, _ in fonts.runs("甲乙", bold=True)} == {BOLD}


def test_invisible_characters_cannot_turn_a_sentence_round() -> None:
    assert cleaned("通\u202e过\u200b不\u2066符\u2069合\x00") == "通过不符合"
    assert cleaned("第一行\n第二行\t尾") == "第一行\n第二行 尾"


def test_punctuation_in_the_2005_private_use_mapping_becomes_that_of_2022() -> None:
    assert cleaned("\ue78d\ue81e") == "\ufe10\u9fb4"


def test_the_same_characters_give_the_same_subset(fonts: FontSet) -> None:
    assert fonts.subset(REGULAR, "张䶮abc") == fonts.subset(REGULAR, "cba䶮张")
    assert len(fonts.subset(REGULAR, "张䶮abc")) < 8000
