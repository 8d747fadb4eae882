"""A refusal as a page, for whoever typed an address or followed an old link: the sentence and the way back.

It stands on its own, without script or file, because whatever failed may have been those.
"""

import base64
import hashlib
from html import escape
from typing import Any

from aiohttp import web

from foundation.errors import Lang, Problem, sentence

# Colours and sizes are those of web_client/src/shared/tokens.css.
_STYLE = """
body { margin: 0 auto; max-width: 36rem; padding: 12vh 1rem; background: #f5f6f1; color: #15211f;
  font: 1.0625rem/1.647 'PingFang SC', 'Noto Sans CJK SC', 'Noto Sans SC', 'Microsoft YaHei', system-ui, sans-serif }
h1 { font-size: 1.625rem; line-height: 1.4 }
a { display: inline-block; padding: .75rem 1.5rem; border-radius: .5rem; background: #0b5a63; color: #fff;
  font-size: 1.125rem; text-decoration: none }
small { display: block; margin-top: 2rem; font-size: .9375rem; color: #4a5754 }
@media (prefers-color-scheme: dark) { body { background: #0b100f; color: #e8eeec } small { color: #a9b5b1 } }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'; base-uri 'none'"
_WORDS = {"zh": ("zh-CN", "远勘", "回到首页", "编号"), "en": ("en", "Yuankan", "To the first page", "Number")}


def reads_pages(request: web.Request) -> bool:
    """Whether a person reads the answer in a browser's window, not a program."""
    page = request.method == "GET" and not request.path.startswith("/api/")
    return page and "text/html" in request.headers.get("Accept", "")


def as_page(problem: Problem, lang: Lang, request: str, **more: Any) -> web.Response:
    """As `http.problem_response`, for eyes: the sentence, and the number of the request for whoever is asked."""
    text = sentence(problem.code, lang, **{"request": request, **more, **problem.params})
    code, name, back, number = _WORDS[lang]
    end = text.find("。" if lang == "zh" else ". ") + 1
    title, rest = (text[:end], text[end:].strip()) if end else (text, "")
    body = (
        f'<!doctype html><html lang="{code}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)} · {name}</title>'
        f"<style>{_STYLE}</style></head><body><main><h1>{escape(title)}</h1><p>{escape(rest)}</p>"
        f'<p><a href="/">{back}</a></p><small>{escape(problem.code)} · {number} {escape(request)}</small>'
        "</main></body></html>"
    )
    headers = {"Content-Security-Policy": POLICY, "Content-Language": code, "Cache-Control": "no-store"}
    return web.Response(text=body, status=problem.status, content_type="text/html", headers=headers)
