"""What a bench prints: figures, each with its limit from `tests/limits.toml` and whether it holds.

A limit is a sentence of an issue in numbers: `must` decides the exit code, `aim` is there to be beaten. Limits change
only together with a page in docs/decisions/. A figure whose peer could not be measured does not hold.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

LIMITS = Path(__file__).resolve().parent.parent / "limits.toml"


@dataclass(frozen=True)
class Figure:
    """One measured value. `spread` is the range of the single runs; `peer`: the other side's value, if any."""

    name: str
    value: float | None
    unit: str
    must: float | None
    aim: float | None
    holds: bool
    peer: float | None = None
    spread: tuple[float, float] | None = None


def limits(bench: str) -> dict[str, dict[str, object]]:
    return {
        name: row for name, row in tomllib.loads(LIMITS.read_text()).get(bench, {}).items() if isinstance(row, dict)
    }


def figure(bench: str, name: str, runs: Sequence[float], *, peer: Sequence[float] | None = None) -> Figure:
    """The median of `runs` held against the limit `[bench.name]`; with `peer` the limit is on the ratio of medians."""
    row = limits(bench)[name]
    must, aim = _number(row.get("must")), _number(row.get("aim"))
    if not runs or (peer is not None and not peer):
        return Figure(name, None, str(row["unit"]), must, aim, holds=False)
    value = statistics.median(runs)
    other = statistics.median(peer) if peer else None
    compared = value / other if other else value
    within = must is None or (compared >= must if row.get("at_least") else compared <= must)
    return Figure(
        name, round(value, 4), str(row["unit"]), must, aim, within, other, (round(min(runs), 4), round(max(runs), 4))
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def machine() -> str:
    """What the figures were measured on, without naming the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()} {platform.machine()}"
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {system}, Python {platform.python_version()}"


def report(bench: str, figures: Sequence[Figure], *, as_json: bool, extra: dict[str, object] | None = None) -> int:
    """Print the figures; 0 when every `must` holds."""
    document = {
        "bench": bench,
        "machine": machine(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "figures": [asdict(one) for one in figures],
        **(extra or {}),
    }
    if as_json:
        print(json.dumps(document, ensure_ascii=False, indent=1))
    else:
        print(f"{bench} · {document['machine']} · {document['date']}")
        for one in figures:
            limit = (
                "" if one.must is None else f"  must {one.must:g}" + ("" if one.aim is None else f", aim {one.aim:g}")
            )
            peer = "" if one.peer is None else f"  peer {one.peer:g}"
            value = "not measured" if one.value is None else f"{one.value:g} {one.unit}"
            print(f"{'✓' if one.holds else '✗'} {one.name}: {value}{peer}{limit}")
    return 0 if all(one.holds for one in figures) else 1
