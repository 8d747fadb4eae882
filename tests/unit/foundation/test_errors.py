import re
from pathlib import Path

import pytest

from foundation.errors import CATALOGUE, Problem, load_catalogue, sentence

WORDS_NOT_USED = ("抱歉", "亲", "哦", "非法", "无效", "禁止", "！", "!")


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_sentence_keeps_to_the_tone(code):
    row = CATALOGUE[code]
    assert re.fullmatch(r"[A-Z]\d\d\d?", code)
    assert not [word for word in WORDS_NOT_USED if word in row.zh]
    assert row.zh.endswith(("。", "？")) and row.en.endswith((".", "?"))
    assert 400 <= row.status <= 599
    # One 请 a sentence, not counting 申请 and 请求.
    assert len(re.findall("(?<!申)请(?!求)", row.zh)) <= 1


def test_a_sentence_is_filled_in_in_both_languages():
    assert sentence("I01", "zh", count=3) == "还有3项必答没有回答，不能结束。请逐项完成。"
    assert sentence("I01", "en", count=3) == "3 required items open; complete them to end."


def test_an_absent_parameter_leaves_a_dash_and_the_sentence():
    assert sentence("L01", "en") == "Link expired; your application stands. Call —."


def test_a_problem_takes_its_status_from_the_catalogue_unless_told():
    assert Problem("I02").status == 409
    assert Problem("I02", 400).status == 400
    assert Problem("P02", km=2.3).params == {"km": 2.3}


def test_a_problem_without_a_row_is_a_programming_error():
    with pytest.raises(KeyError):
        Problem("Z99")


def test_a_row_whose_languages_differ_in_what_they_name_is_refused():
    with pytest.raises(ValueError, match="X01"):
        load_catalogue('[X01]\nzh = "{a}。"\nen = "{b}."\nstatus = 400\n')


def test_a_row_without_a_status_is_refused():
    with pytest.raises(ValueError, match="X01"):
        load_catalogue('[X01]\nzh = "一。"\nen = "one."\n')


def test_every_code_the_program_raises_has_its_sentence():
    root = Path(__file__).parents[3]
    folders = (
        "foundation",
        "office",
        "inspection",
        "helpdesk",
        "signing",
        "recordings",
        "media",
        "signaling",
        "server",
    )
    raised = {
        (code, path.relative_to(root).as_posix())
        for folder in folders
        for path in (root / folder).rglob("*.py")
        for code in re.findall(r"\b(?:Problem|GiveUp)\(\s*\"(\w+)\"", path.read_text("utf-8"))
    }
    assert not [(code, path) for code, path in raised if code not in CATALOGUE]
