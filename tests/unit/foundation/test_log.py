import io
import json
import logging

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from foundation import log


@pytest.fixture
def lines():
    """Everything logged in this test, as JSON objects, read by calling it."""
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:], root.level, structlog.get_config()
    log.setup("info", json=True, stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], root.level = before[:2]
    structlog.configure(**before[2])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("请拨打13812345678", "请拨打138****5678"),
        ("+86 138 1234 5678", "+86 138****5678"),
        ("证件37020219900101123X。", "证件370202********123X。"),
        ("sha256 9f13812345678abc", "sha256 9f13812345678abc"),
        ("at 1763965800000000000 ns", "at 1763965800000000000 ns"),
        ("job_01jd9zk3f813812345678", "job_01jd9zk3f813812345678"),
    ],
)
def test_numbers_of_people_are_struck_out_and_others_are_not(text, shown):
    assert log.redact(text) == shown


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True))
def test_no_telephone_number_survives_anywhere_in_an_event(number):
    event = {"a": number, "b": [number, {"c": f"call {number} now"}], "d": ValueError(f"bad {number}")}
    assert number not in str(log.clean(event))


def test_secrets_are_replaced_by_their_names(lines):
    log.get("test").info("sent", token="abcdef", nested={"password": "hunter2"})
    assert "abcdef" not in str(lines()) and "hunter2" not in str(lines())


def test_a_line_break_in_a_name_does_not_forge_a_line(lines):
    log.get("test").info("joined", name='x\n{"event": "forged"}\x1b[31m\u2028')
    assert [line["event"] for line in lines()] == ["joined"]


def test_bound_values_are_on_every_line_of_the_block_and_on_none_after(lines):
    with log.bind(record="rec_1"):
        log.get("test").info("inside")
    log.get("test").info("outside")
    assert [line.get("record") for line in lines()] == ["rec_1", None]


def test_a_librarys_warning_comes_through_the_same_door(lines):
    logging.getLogger("somelib").warning("call %s", "13812345678")
    assert lines()[0]["event"] == "call 138****5678"
    assert lines()[0]["part"] == "somelib"


def test_what_is_below_the_level_is_not_written(lines):
    log.get("test").debug("quiet")
    assert lines() == []
