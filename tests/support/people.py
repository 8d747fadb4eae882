"""Invented people to act in tests."""

from foundation.access import Actor

DISTRICT = "990101"
STREET = "990101001"
ELSEWHERE = "990102"


def staff(*roles: str, id: str = "stf_wang", office: str = DISTRICT, name: str = "王敏") -> Actor:
    return Actor("staff", id=id, name=name, office=office, roles=frozenset(roles))


def officer(id: str = "stf_wang", office: str = DISTRICT, name: str = "王敏") -> Actor:
    return staff("officer", id=id, office=office, name=name)


def guest(record: str, role: str = "applicant", id: str = "inv_zhang", name: str = "张伟") -> Actor:
    return Actor("guest", id=id, name=name, record=record, role=role)
