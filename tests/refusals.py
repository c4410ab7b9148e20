"""What a client of boto3 is told when a call is refused."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError


def refused(call: Any, **parameters: Any) -> tuple[str, int, str]:
    """Return code, HTTP status and message of the error that ``call`` ends in."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response
    return (
        error["Error"]["Code"],
        error["ResponseMetadata"]["HTTPStatusCode"],
        error["Error"]["Message"],
    )
