"""What a caller gets while the neighbours cannot answer: HTTP 503 with one sentence, in the shape its client reads."""

from __future__ import annotations

import json
from xml.sax.saxutils import escape

from lambda_sandbox.http1 import Headers, Response
from lambda_sandbox.services.addressing import credential_scope

CODE = "ServiceUnavailable"


def unavailable(sentence: str, headers: Headers) -> Response:
    """Return the 503 for a request with ``headers``: JSON, S3's XML or the query protocol's XML."""
    names = {name.lower(): value for name, value in headers}
    if b"x-amz-target" in names or b"json" in names.get(b"content-type", b""):
        body = json.dumps({"__type": CODE, "message": sentence})
        content_type = b"application/x-amz-json-1.0"
    else:
        error = f"<Code>{CODE}</Code><Message>{escape(sentence)}</Message>"
        content_type = b"text/xml"
        if credential_scope(headers)[0] in ("s3", ""):
            body = f"<Error>{error}</Error>"
        else:
            body = f"<ErrorResponse><Error><Type>Receiver</Type>{error}</Error></ErrorResponse>"
    return Response(
        503, [(b"Content-Type", content_type), (b"x-amzn-ErrorType", CODE.encode())], body.encode()
    )
