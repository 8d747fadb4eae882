"""How the replay names what happens in a help service (`recordings.timeline.Wording`). Pairs are (Chinese, English)."""

from collections.abc import Mapping

from office.events import Event

Pair = tuple[str, str]

RESULTS: Mapping[str, Pair] = {
    "done": ("已办结", "done"),
    "referred": ("转到别处继续办", "goes on elsewhere"),
    "unfinished": ("未办结", "not finished"),
}


class ServiceWords:
    """Nothing of a help service has items or answers; its people and results have names of their own."""

    kind = "help"
    roles: Mapping[str, Pair] = {
        "applicant": ("办事人", "Citizen"),
        "lead": ("帮办员", "Agent"),
        "officer": ("帮办员", "Agent"),
        "expert": ("旁听", "Onlooker"),
    }
    results = RESULTS

    def item(self, item: str) -> Pair:
        return item, item

    def answer(self, event: Event) -> tuple[None, Pair]:
        return None, ("", "")
