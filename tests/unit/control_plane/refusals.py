"""What a refused request looks like to boto3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from botocore.exceptions import ClientError


@contextmanager
def refused(code: str, status: int, message: str = "") -> Iterator[None]:
    """Expect a request that is refused with this code and HTTP status, in words that begin with ``message``."""
    with pytest.raises(ClientError) as error:
        yield
    response = error.value.response
    found = (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"])
    assert found == (code, status), response["Error"]["Message"]
    assert response["Error"]["Message"].startswith(message)
