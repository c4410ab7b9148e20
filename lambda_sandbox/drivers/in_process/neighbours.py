"""The neighbours as moto plays them in this interpreter."""

from __future__ import annotations

import re
from typing import Any

from lambda_sandbox import errors
from lambda_sandbox.drivers.destinations import Headers

CREDENTIAL = re.compile(r"Credential=([^/\s,]*)/\d+/([^/\s,]+)/([^/\s,]+)/aws4_request")


class Neighbours:
    """Everything in them is ``account_id``'s. Nothing here waits."""

    def __init__(self, account_id: str) -> None:
        self._account_id = account_id

    def answer(self, prepared: Any, service: str) -> tuple[int, dict[str, str], bytes]:
        """Answer botocore's prepared request. Raises ``SandboxFault`` where moto cannot."""
        refusal = f"the in_process driver does not emulate {service or prepared.url}; use the server driver"
        if service == "rds":  # moto would make an instance on paper, to which nobody can connect
            raise errors.SandboxFault(refusal)
        try:
            from moto.core.botocore_stubber import BotocoreStubber
        except ImportError:
            raise errors.SandboxFault(f"{refusal}, or install moto") from None
        prepared.headers["x-moto-account-id"] = self._account_id
        answer = BotocoreStubber().process_request(prepared)
        if answer is None or answer[2] == "Not yet implemented":
            raise errors.SandboxFault(refusal)
        status, headers, body = answer
        return status, dict(headers), read_body(body)

    async def forward(
        self, method: bytes, target: bytes, headers: Headers, body: bytes
    ) -> tuple[int, Headers, bytes]:
        """Pass on a request of the sandbox's own: an event's record, or what an alarm does."""
        from botocore.awsrequest import AWSPreparedRequest, HeadersDict

        named = {name.decode(): value.decode() for name, value in headers}
        _, region, service = CREDENTIAL.search(named["Authorization"]).groups()  # type: ignore[union-attr]
        named["Host"] = f"{service}.{region}.amazonaws.com"
        url = f"https://{named['Host']}{target.decode()}"
        make: Any = AWSPreparedRequest
        prepared = make(method.decode(), url, HeadersDict(named), body, stream_output=False)
        status, _, answer = self.answer(prepared, service)
        return status, [], answer


def fetch_object(bucket: str, key: str, version: str | None) -> bytes:
    """Read from moto's S3 through botocore, which comes back to this driver."""
    import boto3
    from botocore.exceptions import ClientError

    make: Any = boto3.client
    which = {"VersionId": version} if version else {}
    try:
        content: bytes = make("s3").get_object(Bucket=bucket, Key=key, **which)["Body"].read()
    except ClientError as error:
        details = error.response["Error"]
        raise errors.InvalidParameterValueException(
            "Error occurred while GetObject. "
            f"S3 Error Code: {details['Code']}. S3 Error Message: {details['Message']}"
        ) from None
    return content


def reset() -> None:
    """Empty them."""
    import sys

    if "moto.core.base_backend" in sys.modules:  # nothing to empty before the first call
        from moto.core.base_backend import BackendDict

        BackendDict.reset()


def read_body(body: Any) -> bytes:
    """Return the body of a botocore request or a moto answer, which may be a file or text."""
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    return bytes(body.read() if hasattr(body, "read") else body)
