"""People as the product shows them: names and numbers masked, telephone numbers in one spelling, distances on the
ground.
"""

import math
import re
import unicodedata

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius of the WGS 84 ellipsoid (IUGG R1): an error below 0.6 % of a distance, far below a phone's accuracy."""

_COMPOUND_SURNAMES = frozenset(
    {"欧阳", "司马", "上官", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "夏侯", "司徒", "端木"}
)


def mask_name(name: str) -> str:
    """`张三丰` → `张*`, `欧阳锋` → `欧阳*`, `John Smith` → `John *`: enough to know oneself by, no more (ux.md 9)."""
    name = unicodedata.normalize("NFC", name).strip()
    if not name:
        return ""
    if " " in name:
        return name.split()[0] + " *"
    if "·" in name:
        return name.split("·")[0] + "·*"
    return (name[:2] if name[:2] in _COMPOUND_SURNAMES and len(name) > 2 else name[0]) + "*"


def mask_name_en(name: str) -> str:
    """As `mask_name`, with the space that English puts before the star: `Zhang *`, `张 *`."""
    masked = mask_name(name)
    return masked if masked.endswith((" *", "·*")) else masked.removesuffix("*") + " *"


def mask_phone(phone: str) -> str:
    """`13812345678` → `138****5678`; other numbers keep their last four digits; shorter ones nothing."""
    digits = phone.removeprefix("+86")
    if re.fullmatch(r"1\d{10}", digits):
        return f"{digits[:3]}****{digits[-4:]}"
    bare = re.sub(r"\D", "", digits)
    return f"****{bare[-4:]}" if len(bare) >= 8 else "****"


def normalise_phone(text: str) -> str | None:
    """One spelling for storage and comparison: `13812345678`, `0532-12345678`, `+4930123456`; None if it is no number.

    Mainland mobiles lose their +86 (ITU-T E.164 allows 15 digits; full-width digits and separators are folded).
    """
    folded = re.sub(r"[\s().\-－—_]", "", unicodedata.normalize("NFKC", text))
    match = re.fullmatch(r"(?:\+?86|0086)?(1[3-9]\d{9})", folded)
    if match:
        return match[1]
    match = re.fullmatch(r"(?:\+?86|0086)?(010|02\d|0\d{3})(\d{7,8})", folded)
    if match:
        return f"{match[1]}-{match[2]}"
    if re.fullmatch(r"\+[1-9]\d{6,14}", folded):
        return folded
    return None


def distance_m(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Metres between two (latitude, longitude) pairs in degrees, along the great circle (haversine)."""
    (lat_a, lon_a), (lat_b, lon_b) = ((math.radians(lat), math.radians(lon)) for lat, lon in (a, b))
    square = math.sin((lat_b - lat_a) / 2) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, square)))
