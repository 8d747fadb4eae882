"""The lock files hold all that is needed: what is only there by way of the test tools would be missed by users."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent.parent.parent


def declared(*extras: str) -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *(one for extra in extras for one in project["optional-dependencies"][extra])]


def needed(declared: list[str]) -> set[str]:
    """Every package that these lead to, by what the installed ones say of themselves."""
    found: set[tuple[str, str]] = set()
    waiting = [(one, "") for one in declared]
    while waiting:
        text, of_extra = waiting.pop()
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": of_extra}):
            continue
        name = canonicalize_name(requirement.name)
        for extra in {"", *requirement.extras}:
            if (name, extra) not in found:
                found.add((name, extra))
                waiting += [(one, extra) for one in requires(name) or []]
    return {name for name, _ in found}


@pytest.mark.parametrize("lock, extras", [("requirements.lock", ()), ("requirements-check.lock", ("check",))])
def test_whatever_a_declared_package_needs_is_locked(lock: str, extras: tuple[str, ...]) -> None:
    held = {canonicalize_name(name) for name in re.findall(r"^([\w.-]+)==", (ROOT / lock).read_text(), re.MULTILINE)}
    # pip and setuptools come with the environment.
    assert needed(declared(*extras)) - held - {"pip", "setuptools"} == set()
