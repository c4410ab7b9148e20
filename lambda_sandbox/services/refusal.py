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
    "mismatch": ("InvalidSignatureException", "SignatureDoesNotMatch", "SignatureDoesNotMatch"),
    "expired": ("InvalidSignatureException", "RequestTimeTooSkewed", "SignatureDoesNotMatch"),
    "over": ("ExpiredTokenException", "ExpiredToken", "ExpiredToken"),
    "unknown": ("UnrecognizedClientException", "InvalidAccessKeyId", "InvalidClientTokenId"),
}


def json_code(kind: str) -> str:
    """Return the error's name in the JSON protocols, Lambda's among them."""
    return _CODES[kind][0]


def refusal(service: str, kind: str, message: str, headers: Headers) -> Response:
    """Return the answer that refuses a request with ``headers``. ``kind`` is a key of the table above."""
    json_name, s3_name, query_name = _CODES[kind]
    names = {name.lower(): value for name, value in headers}
    if service == "s3":
        body = f"<Error><Code>{s3_name}</Code><Message>{escape(message)}</Message></Error>"
        return Response(403, [(b"Content-Type", b"application/xml")], body.encode())
    if b"x-amz-target" in names or b"json" in names.get(b"content-type", b""):
        text = json.dumps({"__type": json_name, "message": message, "Message": message})
        head = [
            (b"Content-Type", b"application/x-amz-json-1.1"),
            (b"x-amzn-ErrorType", json_name.encode()),
        ]
        return Response(400, head, text.encode())
    code = "AuthorizationError" if (service, kind) == ("sns", "denied") else query_name
    body = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
        f"<Message>{escape(message)}</Message></Error></ErrorResponse>"
    )
    return Response(403, [(b"Content-Type", _XML)], body.encode())
