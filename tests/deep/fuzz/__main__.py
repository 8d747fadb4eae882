"""`python -m tests.deep.fuzz TARGET CORPUS… [libFuzzer options]`: one target until its time is over or it breaks."""

import sys

import atheris

with atheris.instrument_imports(include=["media", "recordings"]):
    from tests.deep.fuzz.targets import TARGETS

name = sys.argv.pop(1)
atheris.Setup(sys.argv, TARGETS[name])
atheris.Fuzz()
