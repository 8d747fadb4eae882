"""Who may do what: one table of permissions, one function that decides.

Every HTTP route and every WebSocket command names a permission; `decide` looks at the person and the thing and answers
with a reason. Four kinds of person:

- staff of an office, with roles. Offices form a tree by their code: 990101 stands above 990101001. Who may see an
  office's cases may see those of the offices below it.
- a guest, holding an invitation to one record in one role. Nothing else exists for a guest.
- the system itself, for jobs. It never attends, concludes or signs: those are acts of people.
- anonymous.

An auditor reads and replays, and changes nothing. An administrator manages people and sees no evidence. Whoever is
named on a thing (`Resource.people`: its lead and assisting officers) keeps access after changing office.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

ROLES = frozenset({"officer", "agent", "supervisor", "auditor", "admin"})


@dataclass(frozen=True)
class Actor:
    """A person or program acting. `office` and `roles` are a staff member's, `record` and `role` a guest's."""

    kind: Literal["staff", "guest", "system", "anonymous"]
    id: str = ""
    name: str = ""
    office: str | None = None
    roles: frozenset[str] = frozenset()
    record: str | None = None
    role: str | None = None

    def __str__(self) -> str:
        """As the audit log names them: ``staff:stf_…``."""
        return f"{self.kind}:{self.id}" if self.id else self.kind


ANONYMOUS = Actor("anonymous")
SYSTEM = Actor("system", id="system", name="system")


@dataclass(frozen=True)
class Resource:
    """A thing acted on: its kind (a record of the help service is `help`), its office's code, the record it belongs to,
    the ids of the staff named on it."""

    kind: str
    id: str
    office: str | None = None
    record: str | None = None
    people: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Decision:
    """The verdict. `reason` is stable: allowed, not_logged_in, wrong_role, other_office, other_record, not_named,
    not_a_person, unknown_permission."""

    allowed: bool
    reason: str
    params: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


Rule = Callable[[Actor, Resource | None], str]


@dataclass(frozen=True)
class Permission:
    """What it lets a person do, and the rule: the reason "allowed", or why not."""

    description: str
    rule: Rule


def office_stem(code: str) -> str:
    """The part of an office's code that its subordinates share.

    GB/T 2260 pads a province or city with zeros to six digits (370200 stands above 370202), and the codes of streets
    and communities pad with 000 (370202000 is the district itself).
    """
    while len(code) > 6 and code.endswith("000"):
        code = code[:-3]
    if len(code) == 6:
        for length in (2, 4):
            if set(code[length:]) == {"0"}:
                return code[:length]
    return code


def covers(upper: str | None, lower: str | None) -> bool:
    """Whether the office `upper` is `lower` or stands above it."""
    return bool(upper) and bool(lower) and office_stem(str(lower)).startswith(office_stem(str(upper)))


def _everyone(actor: Actor, resource: Resource | None) -> str:
    return "allowed"


def _oneself(actor: Actor, resource: Resource | None) -> str:
    if actor.kind == "anonymous":
        return "not_logged_in"
    if actor.kind == "system" or resource is None:
        return "allowed"
    return "allowed" if actor.id == resource.id or actor.id in resource.people else "not_named"


def _staff(
    *roles: str,
    tree: bool = True,
    named: bool = True,
    guests: frozenset[str] = frozenset(),
    system: bool = True,
) -> Rule:
    """Staff with one of `roles` whose office covers the thing's (`tree`) or is the very same; `named`: or who are named
    on it; guests of its record in one of these parts. Without a thing (a list) only the role counts: the list itself
    shows no more than `covers` allows."""

    def rule(actor: Actor, resource: Resource | None) -> str:
        match actor.kind:
            case "anonymous":
                return "not_logged_in"
            case "system":
                return "allowed" if system else "not_a_person"
            case "guest":
                if actor.role not in guests:
                    return "wrong_role"
                own = resource is not None and resource.record is not None and actor.record == resource.record
                return "allowed" if own else "other_record"
        if not actor.roles & set(roles):
            return "wrong_role"
        if resource is None or (named and actor.id in resource.people):
            return "allowed"
        near = covers(actor.office, resource.office) if tree else _same(actor.office, resource.office)
        return "allowed" if near else "other_office"

    return rule


def _same(one: str | None, other: str | None) -> bool:
    return bool(one) and bool(other) and office_stem(str(one)) == office_stem(str(other))


def _named_only(*roles: str, guests: frozenset[str] = frozenset()) -> Rule:
    """Staff with one of `roles` who are named on the thing; guests of its record in one of these parts."""
    base = _staff(*roles, guests=guests, system=False)

    def rule(actor: Actor, resource: Resource | None) -> str:
        reason = base(actor, resource)
        if reason not in ("allowed", "other_office") or actor.kind == "guest":
            return reason
        return "allowed" if resource is not None and actor.id in resource.people else "not_named"

    return rule


def _by_service(inspection: Rule, help: Rule) -> Rule:
    """Records of the help service (`Resource.kind` help) are its agents', all others the officers'."""

    def rule(actor: Actor, resource: Resource | None) -> str:
        return (help if resource is not None and resource.kind == "help" else inspection)(actor, resource)

    return rule


_PRESENT = frozenset({"applicant", "agent", "witness", "expert", "colleague"})
_SIGNERS = frozenset({"applicant", "agent", "witness", "expert", "colleague"})

PERMISSIONS: Mapping[str, Permission] = MappingProxyType(
    {
        "public": Permission("open to everyone", _everyone),
        "self": Permission("one's own account, jobs and settings", _oneself),
        "case.read": Permission("see a case", _staff("officer", "supervisor", "auditor")),
        "case.write": Permission("make and change a case", _staff("officer", "supervisor")),
        "record.read": Permission(
            "see a record's state",
            _by_service(
                _staff("officer", "supervisor", "auditor", guests=_PRESENT),
                _staff("agent", "supervisor", "auditor", guests=_PRESENT),
            ),
        ),
        "record.attend": Permission(
            "take part in a live session",
            _by_service(
                _staff("officer", tree=False, guests=_PRESENT, system=False),
                _staff("agent", tree=False, guests=_PRESENT, system=False),
            ),
        ),
        "record.conclude": Permission(
            "close a session with a result", _by_service(_named_only("officer"), _named_only("agent"))
        ),
        "record.replay": Permission(
            "watch a recording",
            _by_service(_staff("officer", "supervisor", "auditor"), _staff("supervisor", "auditor")),
        ),
        "record.export": Permission(
            "take a record's package away",
            _by_service(_staff("officer", "supervisor", "auditor"), _staff("supervisor", "auditor")),
        ),
        "sheet.read": Permission(
            "read the sheet",
            _by_service(
                _staff("officer", "supervisor", "auditor", guests=_SIGNERS),
                _staff("agent", "supervisor", "auditor", guests=_SIGNERS),
            ),
        ),
        "sheet.sign": Permission("sign the sheet, or refuse to", _named_only("officer", guests=_SIGNERS)),
        "audit.search": Permission("search records and who viewed them", _staff("auditor", "supervisor", named=False)),
        "queue.claim": Permission("take the next in line", _staff("officer", tree=False, system=False)),
        "hall.serve": Permission("sit at a window and call people", _staff("agent", tree=False, system=False)),
        "hall.watch": Permission("see lines and windows of a hall", _staff("agent", "supervisor", named=False)),
        "hall.ratings": Permission("read what people said of a service", _staff("supervisor", named=False)),
        "admin.people": Permission("manage staff and their roles", _staff("admin", named=False)),
    }
)


def decide(actor: Actor, permission: str, resource: Resource | None = None) -> Decision:
    """Whether `actor` may use `permission` on `resource`. An unknown permission is refused, never an error."""
    known = PERMISSIONS.get(permission)
    if known is None:
        return Decision(False, "unknown_permission", {"permission": permission})
    reason = known.rule(actor, resource)
    return Decision(reason == "allowed", reason, {"permission": permission})
