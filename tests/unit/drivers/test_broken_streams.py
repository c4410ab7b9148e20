"""What the trailers of a stream that broke off say of its error."""

from __future__ import annotations

import json

import pytest

from lambda_sandbox.drivers.response_streams import _error_payload


@pytest.mark.parametrize("error_type", ["Shop.Closed", 'Shop."Closed"', "Shop\\Closed"])
def test_a_description_that_is_no_base64_leaves_the_type_whatever_is_in_it(error_type: str) -> None:
    assert json.loads(_error_payload(error_type, b"no base64!")) == {"errorType": error_type}


def test_a_description_is_passed_on_as_it_is() -> None:
    assert _error_payload("Shop.Closed", b"eyJhIjoxfQ==") == b'{"a":1}'
