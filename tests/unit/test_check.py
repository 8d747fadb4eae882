"""The check runs every test there is."""

from pathlib import Path

from tests import check

TESTS = Path(check.__file__).parent


def test_every_folder_of_tests_is_in_a_lane() -> None:
    named = [
        TESTS / folder
        for lane in (check.FIRST, check.SECOND, check.ALONE, check.DEEP)
        for f in lane.values()
        for folder in f
    ]
    for path in TESTS.rglob("test_*.py"):
        assert sum(folder in path.parents for folder in named) == 1, f"{path.relative_to(TESTS)} runs once"
