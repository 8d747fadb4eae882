"""The parts of HTTP that decide without a socket."""

import re

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from foundation.http_body import pointer, shown_size
from foundation.http_guard import client, networks, policy
from foundation.openapi import document

PROXIES = networks(["10.0.0.0/8", "192.168.0.0/16"])
ADDRESSES = st.one_of(
    st.ip_addresses().map(str), st.from_regex(r"10\.0\.0\.[0-9]", fullmatch=True), st.text(max_size=8)
)


class _Transport:
    """Only what aiohttp asks of a connection: who is at its other end."""

    def __init__(self, peer: str) -> None:
        self._peer = peer

    def get_extra_info(self, name, default=None):
        return (self._peer, 5000) if name == "peername" else default


def request_from(peer: str, **headers: str):
    return make_mocked_request("GET", "/", CIMultiDict(headers), transport=_Transport(peer))


@given(st.lists(ADDRESSES, max_size=5))
def test_a_stranger_cannot_choose_the_address_we_see(claimed):
    header = ", ".join(part.encode("ascii", "ignore").decode() for part in claimed)
    assert client(request_from("203.0.113.9", **{"X-Forwarded-For": header}), PROXIES)[0] == "203.0.113.9"


@given(st.lists(ADDRESSES, max_size=4), st.lists(st.sampled_from(["10.0.0.7", "192.168.1.1"]), max_size=3))
def test_what_stands_left_of_the_first_untrusted_hop_is_not_believed(claimed, ours):
    hops = [part.encode("ascii", "ignore").decode() for part in claimed] + ["198.51.100.7", *ours]
    seen = client(request_from("10.0.0.1", **{"X-Forwarded-For": ", ".join(hops)}), PROXIES)
    assert seen[0] == "198.51.100.7"


@pytest.mark.parametrize(("proto", "scheme"), [("https", "https"), ("http, https", "https"), ("gopher", "http")])
def test_the_scheme_is_what_the_nearest_proxy_says(proto, scheme):
    assert client(request_from("10.0.0.1", **{"X-Forwarded-Proto": proto}), PROXIES)[1] == scheme
    assert client(request_from("203.0.113.9", **{"X-Forwarded-Proto": "https"}), PROXIES)[1] == "http"


def test_the_policy_lets_nothing_run_that_we_did_not_serve():
    rules = dict(part.split(" ", 1) for part in policy("kanyan.example.gov.cn").split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == "'self' ws://kanyan.example.gov.cn wss://kanyan.example.gov.cn"
    assert not re.search(r"unsafe|\*|https?:", policy("kanyan.example.gov.cn"))


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ("Expected `int`, got `str` - at `$.items[0].name`", "/items/0/name"),
        ("Expected `int`, got `str` - at `$[...].name`", "/.../name"),
        ("Object missing required field `name`", "/"),
        ("Expected `str`, got `int` - at `$`", "/"),
    ],
)
def test_only_the_place_of_a_mistake_is_told(message, place):
    assert pointer(message) == place.replace("/.../", "/*/")


def test_limits_are_told_as_people_read_them():
    assert (shown_size(64 * 1024), shown_size(30 * 1024 * 1024)) == ("64 KB", "30 MB")


def test_a_description_of_no_routes_is_still_one():
    assert document([], "1")["paths"] == {}
