"""A neighbour's refusal in the shape that the service's clients read: who asks is unknown, or may not."""

from __future__ import annotations

import json
from xml.sax.saxutils import escape

from lambda_sandbox.http1 import Headers, Response

_XML = b"text/xml"
# What each kind of refusal is called: in the JSON protocols, in S3's XML and in the query protocol's.
_CODES = {
    "denied": ("AccessDeniedException", "AccessDenied", "AccessDenied"),
    "missing": ("MissingAuthenticationTokenException", "AccessDenied", "MissingAuthenticationToken"),
    "incomplete": ("IncompleteSignatureException", "AuthorizationHeaderMalformed", "IncompleteSignature"),
    "outdated": ("IncompleteSignatureException", "InvalidRequest", "IncompleteSignature"),
    "mismatch": ("InvalidSignatureException", "SignatureDoesNotMatch", "SignatureDoesNotMatch"),
    "expired": ("InvalidSignatureException", "RequestTimeTooSkewed", "SignatureDoesNotMatch"),
    "over": ("ExpiredTokenException", "ExpiredToken", "ExpiredToken"),
    "unknown": ("UnrecognizedClientException", "InvalidAccessKeyId", "InvalidClientTokenId"),
}


# What AWS calls a failure of this status: in the JSON protocols, in S3's XML and in the query protocol's.
_FAILURES = {
    400: ("ValidationException", "InvalidRequest", "InvalidParameterValue"),
    429: ("ThrottlingException", "SlowDown", "Throttling"),
    500: ("InternalServerError", "InternalError", "InternalFailure"),
    503: ("ServiceUnavailable", "ServiceUnavailable", "ServiceUnavailable"),
}
_FAILED = "A fault that was asked for: the sandbox's rules say that this request fails."


def json_code(kind: str) -> str:
    """Return the error's name in the JSON protocols, Lambda's among them."""
    return _CODES[kind][0]


def refusal(service: str, kind: str, message: str, headers: Headers) -> Response:
    """Return the answer that refuses a request with ``headers``. ``kind`` is a key of the table above."""
    code = "AuthorizationError" if (service, kind) == ("sns", "denied") else _CODES[kind][2]
    return _error(service, (*_CODES[kind][:2], code), message, headers, 403, 400)


def failure(service: str, status: int, headers: Headers) -> Response:
    """Return the answer of a service that fails with ``status``: 400, 429, 500 or 503."""
    # AWS: where S3 throttles it answers 503, the JSON protocols answer 400.
    of_protocol = {429: (503, 400)}.get(status, (status, status))
    return _error(service, _FAILURES[status], _FAILED, headers, *of_protocol)


def _error(
    service: str,
    codes: tuple[str, str, str],
    message: str,
    headers: Headers,
    status: int,
    json_status: int,
) -> Response:
    json_name, s3_name, query_name = codes
    names = {name.lower(): value for name, value in headers}
    if service == "s3":
        body = f"<Error><Code>{s3_name}</Code><Message>{escape(message)}</Message></Error>"
        return Response(status, [(b"Content-Type", b"application/xml")], body.encode())
    if b"x-amz-target" in names or b"json" in names.get(b"content-type", b""):
        text = json.dumps({"__type": json_name, "message": message, "Message": message})
        head = [
            (b"Content-Type", b"application/x-amz-json-1.1"),
            (b"x-amzn-ErrorType", json_name.encode()),
        ]
        return Response(json_status, head, text.encode())
    body = (
        f"<ErrorResponse><Error><Type>{'Sender' if status < 500 else 'Receiver'}</Type><Code>{query_name}</Code>"
        f"<Message>{escape(message)}</Message></Error></ErrorResponse>"
    )
    return Response(status, [(b"Content-Type", _XML)], body.encode())
