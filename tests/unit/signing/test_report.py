from datetime import UTC, datetime

from signing import report as report_module
from signing.report import clock, counts, from_json, length, on_recording, signers, to_json
from tests.unit.signing.samples import report


def test_a_report_survives_its_own_json_and_gives_the_same_bytes_again() -> None:
    made = report()
    assert from_json(to_json(made)) == made
    assert to_json(from_json(to_json(made))) == to_json(made)


def test_counts_name_every_finding_and_the_critical_failures() -> None:
    found = counts(report(items=8))
    assert (found.total, found.conforms, found.fails, found.na, found.open) == (8, 6, 1, 1, 0)
    assert found.critical_fails == 1


def test_signers_get_stable_field_names_in_the_order_of_the_sheet() -> None:
    officers = [("a", "乙", "一局"), ("b", "丙", "二局"), ("c", "丁", "二局")]
    found = signers(("inv", "甲"), officers, [("witness", "w", "戊"), ("expert", "e", "己")])
    assert [one.field for one in found] == ["Applicant", "Witness1", "Expert1", "Lead", "Assist", "Assist2"]
    assert [one.role for one in found] == ["applicant", "witness", "expert", "lead", "assist", "assist"]
    assert [one.organisation for one in found][-3:] == ["一局", "二局", "二局"], "each their own"


def test_times_are_written_as_offices_in_beijing_write_them() -> None:
    moment = datetime(2025, 11, 24, 6, 30, 5, tzinfo=UTC)
    assert clock(moment) == "2025-11-24 14:30:05"
    assert clock(moment, day=False) == "14:30:05"
    assert clock(None) == "—"


def test_lengths_have_words_and_positions_have_colons() -> None:
    assert length(754) == "12分34秒"
    assert length(42) == "42秒"
    assert on_recording(754_900) == "00:12:34"
    assert on_recording(None) == "—"


def test_every_finding_result_and_role_has_words_in_both_languages() -> None:
    for words in (
        report_module.FINDING_WORDS,
        report_module.RESULT_WORDS,
        report_module.ROLE_WORDS,
        report_module.PROVENANCE_WORDS,
        report_module.CLASS_WORDS,
    ):
        assert all(zh and en for zh, en in words.values())
