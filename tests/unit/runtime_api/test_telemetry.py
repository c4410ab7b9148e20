"""Subscriptions: defaults and bounds; what is refused is in tests/contract/test_telemetry_api.py."""

import pytest

from lambda_sandbox.runtime_api.telemetry import parse

HTTP = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080"}


def test_buffering_has_defaults() -> None:
    wanted = parse({"schemaVersion": "2022-12-13", "types": ["function"], "destination": HTTP})
    assert (wanted.max_items, wanted.max_bytes, wanted.timeout_ms) == (1_000, 262_144, 1_000)
    assert (wanted.port, wanted.http_path) == (8080, "/")


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("maxItems", 1_000, 10_000), ("maxBytes", 262_144, 1_048_576), ("timeoutMs", 25, 30_000)],
)
def test_buffering_is_bound_on_both_sides(name: str, least: int, most: int) -> None:
    body = {"schemaVersion": "2022-07-01", "types": ["platform"], "destination": HTTP}
    for value in (least, most):
        parse({**body, "buffering": {name: value}})
    for value in (least - 1, most + 1, str(least), True):
        with pytest.raises(ValueError, match=f"buffering.{name} must be between"):
            parse({**body, "buffering": {name: value}})


def test_a_tcp_destination_is_a_port_or_an_address() -> None:
    body = {"schemaVersion": "2022-07-01", "types": ["platform", "platform"]}
    assert parse({**body, "destination": {"protocol": "TCP", "port": 7000}}).port == 7000
    uri = {"protocol": "TCP", "URI": "tcp://sandbox.localdomain:7001"}
    wanted = parse({**body, "destination": uri})
    assert (wanted.port, wanted.http_path, wanted.types) == (7001, None, ("platform",))
