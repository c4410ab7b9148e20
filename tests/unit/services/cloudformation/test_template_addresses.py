"""Where a ``TemplateURL`` leads, by the forms in which clients write it."""

from __future__ import annotations

import pytest

from lambda_sandbox.services.cloudformation.template_addresses import place


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("http://127.0.0.1:9000/shop/a%20b.json", ("shop", "a b.json")),
        ("http://localhost:9000/shop/k", ("shop", "k")),
        ("http://shop.s3.localhost:9000/k", ("shop", "k")),
        ("http://shop.localhost:9000/k", ("shop", "k")),
        ("https://s3.eu-west-1.amazonaws.com/shop/a/k", ("shop", "a/k")),
        ("https://my.shop.s3.amazonaws.com/k", ("my.shop", "k")),
        ("https://shop.s3.dualstack.us-east-1.amazonaws.com/k", ("shop", "k")),
        ("https://s3.amazonaws.com/shop", None),
        ("https://example.com/shop/k", None),
    ],
)
def test_bucket_and_key_of_an_address(address: str, found: tuple[str, str] | None) -> None:
    assert place(address) == found
