"""HTTP: a list of `Route` records becomes an application in which nothing can be forgotten.

Each route names its permission; the request is decoded into its struct, the thing it is about is looked up, `decide` is
asked, and only then the handler runs. Refusals leave as problem+json (RFC 9457) with a stable code and a sentence in
the reader's language; a refusal of somebody we know goes into the audit log. The browser's own defences (CSP, Origin,
nosniff) are set for every answer in `http_guard`.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog
from aiohttp import web

from foundation import http_guard, log
from foundation.access import PERMISSIONS, Actor, Decision, Resource, decide
from foundation.clock import Clock, SystemClock
from foundation.errors import DUTY_POST, Lang, Problem, sentence
from foundation.http_body import Reader, decode
from foundation.i18n import pick_lang
from foundation.ids import new_id
from foundation.metrics import CONTENT_TYPE, Metrics
from foundation.openapi import document
from foundation.problem_page import as_page, reads_pages
from foundation.rates import Rate, Rates

JSON_BODY_LIMIT = 64 * 1024
"""Bytes of a JSON body unless its route says otherwise: the longest form of ours is a tenth of it."""


@dataclass(frozen=True)
class Asked:
    """One name of a route's query: what it is for, and its form (JSON Schema: date, date-time, or any text)."""

    name: str
    about: str
    form: str = ""
    required: bool = False


@dataclass(frozen=True)
class Route:
    """One method on one path (aiohttp's ``/api/cases/{case}``), complete with what it takes, gives and needs.

    `resource` finds the thing the permission is asked for; without it only the person counts. `raw_body` hands the
    body to the handler unread (`Call.read_raw`, `Call.stream`), still limited. `status` is that of success. `rate`
    limits how often one client's address may ask (S429). `query` and `gives` (media types of an answer that is not
    JSON) are for the description: what is not described is neither generated for a client nor tried by a test.
    """

    method: str
    path: str
    handler: "Handler"
    permission: str
    summary: str
    request: Any = None
    response: Any = None
    resource: "Callable[[Call], Awaitable[Resource]] | None" = None
    body_limit: int = JSON_BODY_LIMIT
    raw_body: bool = False
    status: int = 200
    rate: Rate | None = None
    query: tuple[Asked, ...] = ()
    gives: tuple[str, ...] = ()


class Call:
    """One request, decoded and allowed, as its handler sees it."""

    def __init__(self, request: web.Request, actor: Actor, lang: Lang, address: str, body_limit: int) -> None:
        self.request = request
        self.actor = actor
        self.lang = lang
        self.address = address
        self.body: Any = None
        self.resource: Resource | None = None
        self._reader = Reader(request, body_limit)

    @property
    def path(self) -> Mapping[str, str]:
        """The parts of the path in braces."""
        return self.request.match_info

    @property
    def query(self) -> Mapping[str, str]:
        """The query; the first value of each name."""
        return self.request.query

    async def read_raw(self) -> bytes:
        """The whole body. Raises S413 past the route's limit."""
        return await self._reader.read()

    def stream(self) -> AsyncIterator[bytes]:
        """The body in pieces as they arrive. Raises S413 past the route's limit."""
        return self._reader.stream()


Result = msgspec.Struct | list[Any] | dict[str, Any] | web.StreamResponse | None
Handler = Callable[[Call], Awaitable[Result]]


@dataclass(frozen=True)
class Refusal:
    """Somebody we know was refused: what the audit log is told."""

    actor: Actor
    permission: str
    resource: Resource | None
    decision: Decision
    address: str
    request: str


@dataclass(frozen=True)
class Surroundings:
    """What an application needs from outside. Everything but `actors` may be left out."""

    actors: Callable[[web.Request], Awaitable[Actor]]
    audit: Callable[[Refusal], Awaitable[None]] | None = None
    metrics: Metrics = field(default_factory=Metrics)
    clock: Clock = field(default_factory=SystemClock)
    origins: frozenset[str] = frozenset()
    trusted_proxies: tuple[str, ...] = ()
    metrics_from: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    tls: bool = False
    lang: Lang = "zh"
    duty_post: str = ""
    duty_phone: str = ""
    ready: Mapping[str, Callable[[], Awaitable[object]]] = field(default_factory=dict)
    version: str = "0"


def build_app(
    routes: Sequence[Route], *, actors: Callable[[web.Request], Awaitable[Actor]], **around: Any
) -> web.Application:
    """The application of these routes and of /healthz, /readyz, /metrics and /api/openapi.json.

    `around`: the fields of `Surroundings`. `ready` names checks that raise while this node should get no traffic.
    Raises ValueError for a route with an unknown permission.
    """
    for route in routes:
        if route.permission not in PERMISSIONS:
            raise ValueError(f"{route.method} {route.path}: no permission called {route.permission}")
    surroundings = Surroundings(actors, **around)
    app = web.Application(middlewares=[_Outer(surroundings).middleware])
    app.on_response_prepare.append(http_guard.headers(surroundings.origins, tls=surroundings.tls))
    for route in [*_own_routes(surroundings, routes), *routes]:
        handle = _inner(route, surroundings)
        app.router.add_route(route.method, route.path, handle)
        # Messengers look at a link with HEAD before they show it.
        if route.method == "GET" and not any(r.method == "HEAD" and r.path == route.path for r in routes):
            app.router.add_route("HEAD", route.path, handle)
    return app


def _inner(route: Route, around: Surroundings) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The steps of one request, in order: who, what, may they, do it."""

    rates = Rates(around.clock, route.rate) if route.rate else None

    async def handle(request: web.Request) -> web.StreamResponse:
        if rates is not None:
            rates.take(request[_ADDRESS])
        http_guard.check_origin(request, around.origins, request[_SCHEME])
        actor = await around.actors(request)
        call = Call(request, actor, _lang(request), request[_ADDRESS], route.body_limit)
        with log.bind(actor=str(actor)):
            # A stranger is turned away before the body is read or the thing is looked up.
            if not decide(actor, route.permission).allowed and actor.kind == "anonymous":
                raise Problem("S401")
            if route.request is not None and not route.raw_body:
                call.body = decode(await call.read_raw(), request.content_type, route.request)
            call.resource = await route.resource(call) if route.resource else None
            decision = decide(actor, route.permission, call.resource)
            if not decision.allowed:
                await _refuse(route, call, decision, around)
            return answer(await route.handler(call), route.status)

    return handle


async def _refuse(route: Route, call: Call, decision: Decision, around: Surroundings) -> None:
    if around.audit is not None and call.actor.kind != "anonymous":
        request = call.request[_REQUEST]
        await around.audit(Refusal(call.actor, route.permission, call.resource, decision, call.address, request))
    if decision.reason == "not_logged_in":
        raise Problem("S401")
    # To a guest everything but the own record does not exist (ASVS 5 8.2.2); colleagues are told whom to ask.
    if call.actor.kind == "guest":
        raise Problem("S404")
    raise Problem("S403", post=around.duty_post or DUTY_POST[call.lang])


def answer(result: Result, status: int = 200) -> web.StreamResponse:
    """A handler's result as a response: a struct, list or dict as JSON, None as 204."""
    if isinstance(result, web.StreamResponse):
        return result
    if result is None:
        return web.Response(status=204)
    return web.Response(body=msgspec.json.encode(result), status=status, content_type="application/json")


def problem_response(problem: Problem, lang: Lang, request: str, **more: Any) -> web.Response:
    """The problem as RFC 9457 says, with its stable `code`, its `params` and the number of the request.

    `more` fills what the problem itself left open, such as the telephone number on duty.
    """
    text = sentence(problem.code, lang, **{"request": request, **more, **problem.params})
    body = {
        "type": f"urn:yuankan:problem:{problem.code}",
        "title": text.split("。" if lang == "zh" else ". ", 1)[0].rstrip("."),
        "status": problem.status,
        "code": problem.code,
        "detail": text,
        "params": problem.params,
        "request": request,
    }
    response = web.Response(
        body=msgspec.json.encode(body, enc_hook=str), status=problem.status, content_type="application/problem+json"
    )
    response.headers["Content-Language"] = "zh-CN" if lang == "zh" else "en"
    if problem.status == 429:
        response.headers["Retry-After"] = str(problem.params.get("seconds", 1))
    return response


_REQUEST = web.RequestKey("request", str)
_LANG = web.RequestKey("lang", str)
_ADDRESS = web.RequestKey("address", str)
_SCHEME = web.RequestKey("scheme", str)
# What aiohttp itself refuses, in our words.
_AIOHTTP = {404: "S404", 405: "S405", 413: "S413", 415: "S415"}


def _lang(request: web.Request) -> Lang:
    return "en" if request[_LANG] == "en" else "zh"


class _Outer:
    """Around every request: its number, its reader's language, its place in log and metrics, its failure in words."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._proxies = http_guard.networks(around.trusted_proxies)
        self._count = around.metrics.counter("http_requests", "Requests answered.", ("method", "route", "status"))
        self._seconds = around.metrics.histogram("http_request_seconds", "Time to answer.", ("method", "route"))
        self._log = log.get("http")

    @web.middleware
    async def middleware(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        number = new_id("req")
        request[_REQUEST] = number
        request[_LANG] = pick_lang(
            request.headers.get("Accept-Language"), request.cookies.get("yk_lang"), self._around.lang
        )
        request[_ADDRESS], request[_SCHEME] = http_guard.client(request, self._proxies)
        # Never the raw path in logs and metrics: links carry secrets there.
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else "unknown"
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request=number):
            response = await self._answer(request, handler)
            spent = time.perf_counter() - started
            self._count.labels(request.method, route, str(response.status)).inc()
            # A WebSocket's time is its visit's, not an answer's; so is that of a page that is told of changes.
            if response.status != 101 and response.content_type != "text/event-stream":
                self._seconds.labels(request.method, route).observe(spent)
            self._log.info(
                "answered",
                method=request.method,
                route=route,
                status=response.status,
                ms=round(spent * 1000, 1),
                address=request[_ADDRESS],
            )
        return response

    async def _answer(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        allow = None
        try:
            response = await handler(request)
            if not response.prepared:
                response.headers["X-Request-Id"] = request[_REQUEST]
            return response
        except Problem as problem:
            found = problem
        except web.HTTPException as other:
            if other.status < 400:
                raise
            found = Problem(_AIOHTTP.get(other.status, "S422"), other.status)
            allow = other.headers.get("Allow")
        except ConnectionResetError:
            raise  # the reader has gone; there is nobody to answer
        except Exception:
            self._log.exception("a request failed")
            found = Problem("S500")
        lang, number, more = _lang(request), request[_REQUEST], {"phone": self._around.duty_phone or "—", "minutes": 5}
        refused = (as_page if reads_pages(request) else problem_response)(found, lang, number, **more)
        if allow is not None:
            refused.headers["Allow"] = allow
        return refused


def _own_routes(around: Surroundings, routes: Sequence[Route]) -> list[Route]:
    described = msgspec.json.encode(document(routes, around.version))

    async def health(_call: Call) -> Result:
        return {"status": "ok"}

    async def ready(_call: Call) -> Result:
        failing = []
        for name, check in around.ready.items():
            try:
                await check()
            except Exception as error:
                log.get("http").warning("not ready", check=name, error=error)
                failing.append(name)
        return answer({"status": "failing" if failing else "ok", "failing": failing}, 503 if failing else 200)

    scrapers = http_guard.networks(around.metrics_from)

    async def metrics(call: Call) -> Result:
        # A proxy we were not told of would make everybody look local.
        unknown_proxy = "X-Forwarded-For" in call.request.headers and not around.trusted_proxies
        if unknown_proxy or not http_guard.within(call.address, scrapers):
            raise Problem("S404")
        return web.Response(body=around.metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    async def openapi(_call: Call) -> Result:
        return web.Response(body=described, content_type="application/json")

    return [
        Route("GET", "/healthz", health, "public", "Whether this process lives"),
        Route("GET", "/readyz", ready, "public", "Whether this node should get traffic"),
        Route("GET", "/metrics", metrics, "public", "Prometheus metrics"),
        Route("GET", "/api/openapi.json", openapi, "public", "This description"),
    ]
