"""Whoever follows a wrong address reads a page; a program gets what a program reads."""

import base64
import hashlib
import re

import pytest
from aiohttp.test_utils import make_mocked_request

from foundation.errors import Lang, Problem
from foundation.problem_page import POLICY, as_page, reads_pages

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "a_page"),
    [
        ("GET", "/nowhere", BROWSER, True),
        ("GET", "/nowhere", {"Accept": "*/*"}, False),
        ("GET", "/api/nowhere", BROWSER, False),
        ("POST", "/nowhere", BROWSER, False),
    ],
)
def test_a_page_is_for_eyes_only(method: str, path: str, headers: dict[str, str], a_page: bool) -> None:
    assert reads_pages(make_mocked_request(method, path, headers=headers)) is a_page


@pytest.mark.parametrize(
    ("lang", "title", "way_back"), [("zh", "没有找到这一页。", "回到首页"), ("en", "Not found.", "To the first page")]
)
def test_it_says_what_happened_and_the_way_back_in_the_readers_language(lang: Lang, title: str, way_back: str) -> None:
    page = as_page(Problem("S404"), lang, "req_1")
    assert page.status == 404 and page.text is not None
    assert f"<h1>{title}</h1>" in page.text and way_back in page.text and "req_1" in page.text


def test_it_holds_nothing_but_its_own_style_and_escapes_what_it_is_told() -> None:
    page = as_page(Problem("S403", post="<script>alert(1)</script>"), "en", "req_1")
    assert page.text is not None and "<script" not in page.text
    style = re.search("<style>(.*)</style>", page.text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert page.headers["Content-Security-Policy"] == POLICY and f"'sha256-{digest}'" in POLICY
