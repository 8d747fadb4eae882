"""`./run bench NAME [--json]`: one module per bench, each with `measure(…) -> list[Figure]`; see `--help`."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys

import tests.bench
from foundation import log
from tests.bench.figures import report

PLUMBING = {"figures", "call", "__main__"}


def names() -> list[str]:
    return sorted({module.name for module in pkgutil.iter_modules(tests.bench.__path__)} - PLUMBING)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run bench", description="Measure, and hold the figures against limits.")
    parser.add_argument("name", choices=names())
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    parser.add_argument("--peer", choices=["janus"], help="whom to compare with, where a bench compares")
    parser.add_argument("--only", metavar="ROW", help="one row of a bench of many")
    chosen = parser.parse_args(arguments)
    log.setup("error")  # what is measured may log; standard output is for the figures alone
    bench = importlib.import_module(f"tests.bench.{chosen.name}")
    options = {name: value for name in ("peer", "only") if (value := getattr(chosen, name)) is not None}
    return report(chosen.name, bench.measure(**options), as_json=chosen.json)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
