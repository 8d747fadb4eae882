import string

from signing.verdict import NOTES, SENTENCES, SignatureVerdict, judged, reason, whole


def signature(field: str, state: str = "pass") -> SignatureVerdict:
    return SignatureVerdict(field=field, state=state, role="", name="")  # type: ignore[arg-type]


def test_a_file_passes_only_when_every_part_does() -> None:
    assert whole([signature("System")], [], kind="inspection", record="r", case_number="c", sha256="").state == "pass"
    assert (
        whole([signature("Lead", "fail")], [], kind="inspection", record="r", case_number="c", sha256="").state
        == "fail"
    )
    assert (
        whole([signature("System")], [reason("V03")], kind="inspection", record="r", case_number="c", sha256="").state
        == "fail"
    )


def test_a_recorded_refusal_is_told_but_is_no_fault() -> None:
    assert judged([reason("V20", name="申请人张三"), reason("V21")]) == "pass"
    assert set(SENTENCES) >= NOTES


def test_every_reason_names_the_same_things_in_both_languages() -> None:
    for code, (zh, en) in SENTENCES.items():
        holes = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in (zh, en)]
        assert holes[0] == holes[1], code
