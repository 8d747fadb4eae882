"""Tests, rehearsal and benches; real parts only."""
