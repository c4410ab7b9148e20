"""What a distribution keeps ages by the waiting clock, which only moves when it is told to."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from lambda_sandbox.clock import ManualClock
from lambda_sandbox.drivers.edge_door import EdgeDoor
from lambda_sandbox.drivers.edge_functions import EdgeFunctions
from lambda_sandbox.drivers.edge_origin import Origins
from lambda_sandbox.drivers.front_doors import Asking
from lambda_sandbox.front_doors.http_request import HttpRequest, HttpResponse
from lambda_sandbox.invocation.messages import InvocationResult

HOST = "pears.cloudfront.localhost"
BEHAVIOUR: dict[str, Any] = {
    "path_pattern": "*", "origin": "o", "allowed_methods": ["GET", "HEAD"], "min_ttl": 0, "default_ttl": 86400,
    "max_ttl": 100_000, "query": False, "query_names": [], "headers": [], "cookies": "none", "cookie_names": [],
    "lambdas": [], "functions": [],
}  # fmt: skip


class Services:
    """A neighbour with one distribution and one bucket, in which every object is its own version."""

    def __init__(self, cache_control: str = "", status: int = 200, **behaviour: Any) -> None:
        self.asked: list[str] = []
        self.headers = [(b"Cache-Control", cache_control.encode())] if cache_control else []
        self.status = status
        self.definition = {
            "id": "E1", "account_id": "000000000000", "domain_name": HOST, "enabled": True,
            "default_root_object": "index.html", "behaviours": [{**BEHAVIOUR, **behaviour}], "functions": {},
            "origins": {
                "o": {"kind": "s3", "domain_name": "pears.s3.amazonaws.com", "path": "/v1", "custom_headers": {}}
            },
            "invalidations": [],
        }  # fmt: skip

    async def forward(
        self, method: bytes, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        if target.startswith(b"/_sandbox/"):
            return 200, [], json.dumps(self.definition).encode()
        self.asked.append(target.decode())
        return self.status, self.headers, b"%d" % len(self.asked)


class Scene:
    def __init__(self, services: Services) -> None:
        self.clock = ManualClock()
        self.services = services
        origins = Origins(services, "000000000000", "us-east-1")
        self.door = EdgeDoor(services, EdgeFunctions(nobody), origins, self.clock, lambda sentence: None)

    def get(self, path: str = "/a", method: str = "GET", query: str = "", **headers: str) -> HttpResponse:
        lines = (("Host", HOST), *((name, value) for name, value in headers.items()))
        return asyncio.run(self.door.answer(HttpRequest(method, path, query, lines)))

    def cache(self, path: str = "/a", **options: Any) -> str:
        return self.get(path, **options).header("x-cache").removesuffix(" from cloudfront")


async def nobody(arn: str, payload: bytes, asking: Asking, trace: str) -> InvocationResult:
    raise AssertionError("this distribution has no function")


@pytest.mark.parametrize(
    ("cache_control", "status", "ttl_s"),
    [
        ("max-age=60", 200, 60),
        ("max-age=60, s-maxage=20", 200, 20),
        ("", 200, 86400),
        ("max-age=999999", 200, 100_000),
        ("", 404, 10),
        ("max-age=30", 503, 30),
    ],
    ids=["max-age", "s-maxage comes first", "the default", "not above the maximum", "an error", "an error's own age"],
)  # fmt: skip
def test_an_answer_is_kept_for_as_long_as_it_says(cache_control: str, status: int, ttl_s: int) -> None:
    scene = Scene(Services(cache_control, status))
    scene.get()
    scene.clock.advance(ttl_s - 1)
    kept = scene.get()
    assert (kept.body, kept.header("age")) == (b"1", str(ttl_s - 1))
    scene.clock.advance(1)
    assert scene.get().body == b"2"


@pytest.mark.parametrize("cache_control", ["no-store", "private", "no-cache"])
def test_what_must_not_be_kept_is_not(cache_control: str) -> None:
    scene = Scene(Services(cache_control))
    assert [scene.cache(), scene.cache()] == ["Miss", "Miss"]
    scene = Scene(Services(cache_control, min_ttl=5))
    assert [scene.cache(), scene.cache()] == ["Miss", "Hit"]


def test_only_what_is_forwarded_tells_answers_apart() -> None:
    scene = Scene(Services())
    scene.get()
    assert scene.cache(query="a=1", Cookie="a=1", Accept="x") == "Hit"
    scene = Scene(Services(query=True, headers=["accept"], cookies="whitelist", cookie_names=["basket"]))
    scene.get()
    assert scene.cache(query="a=1") == "Miss"
    assert scene.cache(Accept="x") == "Miss"
    assert scene.cache(Cookie="basket=1") == "Miss"
    assert scene.cache(Cookie="other=1") == "Hit"


def test_head_and_get_share_what_is_kept() -> None:
    scene = Scene(Services())
    assert scene.get(method="HEAD").body == b""
    kept = scene.get()
    assert (kept.header("x-cache"), kept.body) == ("Hit from cloudfront", b"1")


def test_the_root_is_the_default_root_object_and_the_path_of_the_origin_comes_first() -> None:
    scene = Scene(Services())
    scene.get("/")
    assert scene.services.asked == ["/pears/v1/index.html"]


def test_an_invalidation_is_obeyed_once() -> None:
    scene = Scene(Services())
    scene.get("/a")
    scene.services.definition["invalidations"] = [{"id": "I1", "paths": ["/a*"]}]
    assert [scene.cache("/a"), scene.cache("/a")] == ["Miss", "Hit"]
