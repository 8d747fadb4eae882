"""`./run bench NAME [--json]`: one module per bench, each with `measure() -> list[Figure]`."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import tests.bench
from tests.bench.figures import report

PLUMBING = {"figures", "call", "__main__"}


def names() -> list[str]:
    return sorted({module.name for module in pkgutil.iter_modules(tests.bench.__path__)} - PLUMBING)


def main(arguments: list[str]) -> int:
    wanted = [argument for argument in arguments if not argument.startswith("-")]
    if len(wanted) != 1 or wanted[0] not in names():
        print(f"Usage: ./run bench NAME [--json]   NAME is one of: {', '.join(names())}", file=sys.stderr)
        return 2
    bench = importlib.import_module(f"tests.bench.{wanted[0]}")
    return report(wanted[0], bench.measure(), as_json="--json" in arguments)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
