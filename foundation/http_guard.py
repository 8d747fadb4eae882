"""What protects a browser's user from other sites, and us from forged addresses.

CSP and headers after OWASP ASVS 5 3.4; Origin after 3.5.1 and, for WebSockets, 4.4.2; proxies after 4.1.3.
"""

from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from aiohttp import web

from foundation.errors import Problem

Network = IPv4Network | IPv6Network
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """The trusted proxies' networks. Raises ValueError for a text that is none."""
    return tuple(ip_network(text, strict=False) for text in texts)


def client(request: web.Request, proxies: Sequence[Network]) -> tuple[str, str]:
    """(address, scheme) of the person's end: read from the right of X-Forwarded-For, past proxies we trust, no further.

    Whatever stands left of the first address we do not trust was written by that address.
    """
    address = request.remote or ""
    scheme = request.scheme
    if not within(address, proxies):
        return address, scheme
    scheme = request.headers.get("X-Forwarded-Proto", scheme).rpartition(",")[2].strip()
    for hop in reversed(",".join(request.headers.getall("X-Forwarded-For", [])).split(",")):
        hop = hop.strip()
        if not _is_address(hop):
            break
        address = hop
        if not within(hop, proxies):
            break
    return address, scheme if scheme in ("http", "https") else request.scheme


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def within(address: str, among: Sequence[Network]) -> bool:
    """Whether this is an address of one of these networks."""
    return _is_address(address) and any(ip_address(address) in network for network in among)


def check_origin(request: web.Request, origins: frozenset[str], scheme: str) -> None:
    """Refuse, with S431, to write or to open a WebSocket for a page of another site.

    Every browser we support sends Origin then. A request without one is no page's: it may pass if it carries no
    cookie, for then it acts with nobody's login.
    """
    upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
    if request.method in _SAFE and not upgrade:
        return
    origin = request.headers.get("Origin")
    if origin is None:
        if request.headers.get("Cookie") or upgrade:
            raise Problem("S431")
        return
    if origin not in (origins or {f"{scheme}://{request.host}"}):
        raise Problem("S431")


def policy(host: str) -> str:
    """The Content-Security-Policy of every answer. 'self' names no WebSocket in older browsers, so `host` does."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' blob: data:",
            "media-src 'self' blob:",
            f"connect-src 'self' ws://{host} wss://{host}",
            "font-src 'self'",
            "worker-src 'self'",
            "manifest-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        )
    )


def headers(origins: frozenset[str], *, tls: bool) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """A signal handler that adds the protecting headers to every answer, a WebSocket's included."""
    named = next(iter(origins)).partition("://")[2] if len(origins) == 1 else None

    async def on_prepare(request: web.Request, response: web.StreamResponse) -> None:
        host = named or request.host
        clean = host if all(c.isalnum() or c in ".-:[]" for c in host) else "localhost"
        add = response.headers
        add.setdefault("Content-Security-Policy", policy(clean))
        add.setdefault("X-Content-Type-Options", "nosniff")
        add.setdefault("Referrer-Policy", "no-referrer")
        add.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        add.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        add.setdefault(
            "Permissions-Policy",
            "camera=(self), microphone=(self), geolocation=(self), display-capture=(self), autoplay=(self)",
        )
        if request.path.startswith("/api"):
            add.setdefault("Cache-Control", "no-store")
        if tls:
            add.setdefault("Strict-Transport-Security", "max-age=31536000")
        add.pop("Server", None)

    return on_prepare
