"""What the hall writes to a telephone: come near, come to the window, the day was too short. Word for word, pure."""

from collections.abc import Mapping
from datetime import datetime

from office.notices import short_time
from office.register import Office

Texts = Mapping[str, str]


def near(office: Office, label: str, ahead: int) -> Texts:
    return {
        "zh": f"【{office.name}】{label}号前面还有{ahead}人，请回到大厅附近。",
        "en": f"[{office.gloss}] {label}: {ahead} before you. Please come back near the hall.",
    }


def called(office: Office, label: str, window: str) -> Texts:
    return {
        "zh": f"【{office.name}】轮到您了，请{label}号到{window}窗口。",
        "en": f"[{office.gloss}] Your turn: {label}, window {window}.",
    }


def carried(office: Office, label: str, new_label: str, opening: datetime) -> Texts:
    return {
        "zh": (
            f"【{office.name}】昨天来不及办{label}号，已改约{short_time(opening, 'zh')}，新号{new_label}。"
            f"开门后30分钟内到，按昨天的顺序先办。核实：{office.phone}"
        ),
        "en": (
            f"[{office.gloss}] There was no time left for {label} yesterday. You are booked for "
            f"{short_time(opening, 'en')} as {new_label}; come within 30 minutes of opening and go first, in "
            f"yesterday's order. To check: {office.phone}"
        ),
    }
