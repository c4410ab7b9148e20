"""Names and texts in statements of the sandbox's own."""

import pytest

from lambda_sandbox.services.postgres.administration import literal, quoted


@pytest.mark.parametrize(
    ("text", "as_name", "as_text"),
    [("shop", '"shop"', "'shop'"), ('a"b', '"a""b"', "'a\"b'"), ("it's", '"it\'s"', "'it''s'")],
)
def test_what_is_quoted_cannot_end_the_quotation(text: str, as_name: str, as_text: str) -> None:
    assert (quoted(text), literal(text)) == (as_name, as_text)
