"""A matter (事项) as offices publish it: what is inspected, on what basis, by which procedure (`yuankan/matter/1`).

A published version never changes: a record keeps the version it began with. Wrong data is refused whole, with the
path of the first fault, before anything is stored. Pure: text in, frozen structs out.
"""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec
import yaml
from msgspec import Struct

from office.condition import Condition, Literal_, facts_used, parse_condition

SCHEMA = "yuankan/matter/1"

LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The safe loader, in C where PyYAML was built with it: ten times as fast."""

Severity = Literal["critical", "major", "minor"]
AnswerType = Literal["conformity", "number", "choice", "text", "place"]
Way = Literal["live", "self_shot", "supplement"]
ResultKey = Literal["pass", "rectify_and_reinspect", "go_on_site", "fail", "suspend"]
InterruptionVariant = Literal["reidentify_always", "reidentify_after_exit", "reidentify_only_if_unverified"]
"""The three legal variants: Hawaii HAR 5-11-71 (10) and Washington WAC 308-30-310 (3), in between, Arizona R2-12-1306
(C).
"""


class MatterError(ValueError):
    """Why a matter's text cannot be published, with the place of the fault."""


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Basis(_Part, frozen=True, kw_only=True):
    """A rule cited: `doc` is a key of `documents` (absent where only a note is known); `clause` as the rule writes
    it.
    """

    doc: str | None = None
    clause: str | None = None
    verified: bool = False
    note: str | None = None


class Seen(_Part, frozen=True, kw_only=True):
    doc: str
    item: str


class Document(_Part, frozen=True, kw_only=True):
    key: str
    title: str
    gloss: str = ""
    kind: str = ""
    number: str = ""
    text: str = ""
    source: str = ""
    reference_only: bool = False


class Department(_Part, frozen=True, kw_only=True):
    key: str
    name: str
    gloss: str
    level: str
    handled_by: str | None = None
    note: str | None = None


class Validity(_Part, frozen=True, kw_only=True):
    years: int
    basis: tuple[Basis, ...] = ()
    note: str | None = None


class TimeLimit(_Part, frozen=True, kw_only=True):
    statutory_days: int | None = None
    unit: str = ""
    basis: tuple[Basis, ...] = ()
    promised_days: int | None = None
    promised_source: str | None = None
    note: str | None = None


class Material(_Part, frozen=True, kw_only=True):
    name: str
    gloss: str = ""
    form: str = ""
    condition: str | None = None
    basis: tuple[Basis, ...] = ()
    note: str | None = None


class Interruption(_Part, frozen=True, kw_only=True):
    """What follows a broken call: whether identity is checked again, and the seconds that pass without consequence."""

    variant: InterruptionVariant
    grace_seconds: int
    wording: str = ""


class Procedure(_Part, frozen=True, kw_only=True):
    """`officers_min`: 行政许可法 §34 第三款 asks for two or more. `signers` in the order in which they sign."""

    officers_min: int
    officers_basis: Basis | None = None
    steps: tuple[str, ...]
    interruption: Interruption
    signers: tuple[Literal["applicant", "lead_officer", "assisting_officer", "office_seal"], ...]
    masking: tuple[str, ...] = ()
    one_take_self_shot: bool = False
    typical_minutes: int
    results: tuple[ResultKey, ...]
    note: str | None = None


class Limits(_Part, frozen=True, kw_only=True):
    """Most items of each severity that may fail; `min_percent` of points where the rule scores."""

    critical: int = 0
    major: int = 0
    minor: int = 0
    min_percent: float = 0


class PassRule(_Part, frozen=True, kw_only=True):
    """How answers add up: `counts` limits the failing items by severity, `score` asks for a share of the points."""

    kind: Literal["counts", "score"]
    pass_: Limits = msgspec.field(name="pass", default=Limits())
    rectify: Limits = Limits()
    rectify_days: int = 0
    rectify_unit: str = ""
    otherwise: Literal["fail", "go_on_site"] = "fail"
    critical_fail_max: int = 0
    min_percent: float = 0
    normalise_not_applicable: bool = True
    source: Basis | None = None


class Remote(_Part, frozen=True, kw_only=True):
    modes: tuple[str, ...] = ("live",)
    route: tuple[str, ...] = ()
    go_on_site_when: tuple[str, ...] = ()
    replaces_on_site: bool = True
    note: str | None = None


class Choice(_Part, frozen=True, kw_only=True):
    """One of several answers: `value` is stored, a reader is shown `label` or, in English, `gloss`."""

    value: str
    label: str
    gloss: str = ""


class FactDefinition(_Part, frozen=True, kw_only=True):
    """Something known before the call that decides which items apply."""

    key: str
    label: str
    gloss: str = ""
    type: Literal["boolean", "number", "choice"]
    default: Literal_
    options: tuple[Choice, ...] = ()
    unit: str = ""
    note: str | None = None

    def choice(self, value: Literal_) -> Choice | None:
        """The option that a value means; None for what is no choice."""
        return next((option for option in self.options if option.value == value), None)


class Section(_Part, frozen=True, kw_only=True):
    key: str
    title: str
    gloss: str = ""


class Option(Choice, frozen=True, kw_only=True):
    conforms: bool


class Answer(_Part, frozen=True, kw_only=True):
    """What kind of answer an item takes, and when it conforms."""

    type: AnswerType
    unit: str = ""
    min: float | None = None
    max: float | None = None
    decimals: int | None = None
    expected_fact: str | None = None
    record_only: bool = False
    options: tuple[Option, ...] = ()
    max_length: int | None = None
    max_distance_m: float | None = None


class Media(_Part, frozen=True, kw_only=True):
    kind: Literal["photo", "video", "document_photo"]
    count: int = 0
    seconds: int = 0


class Item(_Part, frozen=True, kw_only=True):
    id: str
    section: str
    text: str
    gloss: str = ""
    basis: tuple[Basis, ...] = ()
    verified: bool = False
    clause_scope: Literal["exact", "general"] | None = None
    seen_in: tuple[Seen, ...] = ()
    critical: bool
    severity: Severity
    points: int | None = None
    answer: Answer
    media: tuple[Media, ...] = ()
    ways: tuple[Way, ...] = ("live",)
    prepare: str = ""
    film: str = ""
    mask: tuple[str, ...] = ()
    condition: dict[str, Any] | None = None
    note: str | None = None

    @property
    def photos_required(self) -> int:
        return sum(media.count for media in self.media if media.kind != "video")


class Matter(_Part, frozen=True, kw_only=True):
    """One published matter, whole."""

    schema: str
    slug: str
    name: str
    gloss: str
    permit: str
    permit_gloss: str = ""
    kind: str
    category: str
    jurisdiction: str | None = None
    synonyms: tuple[str, ...] = ()
    pinyin: str = ""
    initials: str = ""
    department: Department
    legal_basis: tuple[Basis, ...] = ()
    who_applies: str = ""
    validity: Validity | None = None
    time_limit: TimeLimit | None = None
    materials: tuple[Material, ...] = ()
    procedure: Procedure
    pass_rule: PassRule
    remote: Remote = Remote()
    documents: tuple[Document, ...] = ()
    facts: tuple[FactDefinition, ...] = ()
    sections: tuple[Section, ...]
    items: tuple[Item, ...]

    def item(self, item_id: str) -> Item | None:
        return next((item for item in self.items if item.id == item_id), None)

    def title_of(self, doc: str | None) -> str:
        return next((document.title for document in self.documents if document.key == doc), doc or "")


def load_matter(text: str) -> Matter:
    """Read and check one matter's YAML. MatterError names the first fault."""
    try:
        data = yaml.load(text, Loader=LOADER)
    except yaml.YAMLError as error:
        raise MatterError(f"not YAML: {error}") from error
    try:
        matter = msgspec.convert(data, Matter)
    except msgspec.ValidationError as error:
        raise MatterError(str(error)) from error
    check(matter)
    return matter


def encode_matter(matter: Matter) -> str:
    """The stored body: JSON, deterministic, read back by `decode_matter`."""
    return msgspec.json.encode(matter, order="deterministic").decode("utf-8")


def decode_matter(body: str) -> Matter:
    return msgspec.json.decode(body, type=Matter)


def check(matter: Matter) -> None:
    """Everything that types cannot say: references, duplicates, answers that can be met. Raises MatterError."""
    for fault in _faults(matter):
        raise MatterError(f"{matter.slug}: {fault}")


def _faults(matter: Matter) -> Iterator[str]:
    if matter.schema != SCHEMA:
        yield f"schema is {matter.schema}, not {SCHEMA}"
    for name, keys in (
        ("item", [item.id for item in matter.items]),
        ("section", [section.key for section in matter.sections]),
        ("fact", [fact.key for fact in matter.facts]),
        ("document", [document.key for document in matter.documents]),
    ):
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            yield f"{name} {twice[0]} occurs twice"
    for fact in matter.facts:
        if fact.type == "choice" and fact.choice(fact.default) is None:
            yield f"fact {fact.key}: its default is none of its options"
    sections = {section.key for section in matter.sections}
    documents = {document.key for document in matter.documents}
    facts = {fact.key for fact in matter.facts}
    for item in matter.items:
        if item.section not in sections:
            yield f"item {item.id}: no section {item.section}"
        if item.critical != (item.severity == "critical"):
            yield f"item {item.id}: critical and severity disagree"
        for doc in (*(basis.doc for basis in item.basis), *(seen.doc for seen in item.seen_in)):
            if doc is not None and doc not in documents:
                yield f"item {item.id}: no document {doc}"
        yield from (f"item {item.id}: {fault}" for fault in _answer_faults(item.answer, facts))
        yield from (f"item {item.id}: {fault}" for fault in _condition_faults(item.condition, facts))
    if matter.procedure.officers_min < 1:
        yield "officers_min is below 1"


def _answer_faults(answer: Answer, facts: set[str]) -> Iterator[str]:
    if answer.min is not None and answer.max is not None and answer.min > answer.max:
        yield "min is above max"
    if answer.type == "choice" and not answer.options:
        yield "a choice without options"
    if answer.type == "place" and answer.max_distance_m is None:
        yield "a place without max_distance_m"
    if answer.expected_fact is not None and answer.expected_fact not in facts:
        yield f"no fact {answer.expected_fact}"


def _condition_faults(condition: dict[str, Any] | None, facts: set[str]) -> Iterator[str]:
    if condition is None:
        return
    try:
        tree: Condition = parse_condition(condition)
    except ValueError as error:
        yield f"condition: {error}"
        return
    for fact in sorted(facts_used(tree) - facts):
        yield f"condition: no fact {fact}"
