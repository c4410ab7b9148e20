"""What a caller gets where the neighbours cannot answer: one sentence, in the shape that its client reads."""

from __future__ import annotations

import json
import re
from xml.sax.saxutils import escape

from lambda_sandbox.http1 import Headers, Response
from lambda_sandbox.services.addressing import credential_scope

CODE = "ServiceUnavailable"
# Signing names of services whose clients read XML, whatever they send; those of the query protocol send forms.
_XML_SERVICES = frozenset(
    {
        "s3",
        "s3express",
        "cloudfront",
        "route53",
        "sns",
        "iam",
        "sts",
        "cloudformation",
        "ec2",
        "autoscaling",
        "rds",
    }
    | {"elasticloadbalancing"}
)
# moto's words for an operation that it does not have.
_NO_ACTION = re.compile(r"The (\w+) action has not been implemented")


class NotEmulated(NotImplementedError):
    """Something that this sandbox does not do for a request that it could answer; the text is the whole sentence."""


class UnknownService(NotImplementedError):
    """No neighbour has the name that a request is signed for."""


class NoRoute(NotImplementedError):
    """A service has nothing at a request's method and path; the text is both."""


def unavailable(sentence: str, headers: Headers) -> Response:
    """Return the 503 for a request with ``headers``: JSON, S3's XML or the query protocol's XML."""
    return _answer(503, (CODE, CODE), sentence, headers)


def failed(error: Exception, headers: Headers) -> Response:
    """Return the answer to a request that ended in ``error``: 501 for what is not emulated, which no SDK repeats, else 500."""
    if isinstance(error, NotImplementedError):
        codes = ("NotImplementedException", "NotImplemented")
        missing = str(error) if isinstance(error, NotEmulated) else _missing(error, headers)
        return _answer(501, codes, missing, headers)
    sentence = f"The neighbour services failed on this request: {error!r}"
    return _answer(500, ("InternalFailure", "InternalFailure"), sentence, headers)


def _missing(error: NotImplementedError, headers: Headers) -> str:
    service = credential_scope(headers)[0]
    if isinstance(error, UnknownService):
        return f"The service {service} is not emulated by this sandbox."
    if isinstance(error, NoRoute):
        return f"{error}{f' of {service}' if service else ''} is not emulated by this sandbox."
    action = _NO_ACTION.fullmatch(str(error))
    if action is not None:
        operation = "".join(part.capitalize() for part in action[1].split("_"))
        return f"{operation}{f' of {service}' if service else ''} is not emulated by this sandbox."
    return f"Something that this request asks for is not emulated by this sandbox{f': {error}' if str(error) else '.'}"


def _answer(status: int, codes: tuple[str, str], sentence: str, headers: Headers) -> Response:
    """``codes`` are the error's names in the JSON protocols and in XML."""
    service = credential_scope(headers)[0]
    if _reads_json(service, headers):
        code = codes[0]
        body = json.dumps({"__type": code, "message": sentence})
        content_type = b"application/x-amz-json-1.0"
    else:
        code = codes[1]
        error = f"<Code>{code}</Code><Message>{escape(sentence)}</Message>"
        content_type = b"text/xml"
        if service in ("s3", "s3express", ""):
            body = f"<Error>{error}</Error>"
        else:
            body = f"<ErrorResponse><Error><Type>Receiver</Type>{error}</Error></ErrorResponse>"
    return Response(
        status, [(b"Content-Type", content_type), (b"x-amzn-ErrorType", code.encode())], body.encode()
    )


def _reads_json(service: str, headers: Headers) -> bool:
    names = {name.lower(): value for name, value in headers}
    sent = names.get(b"content-type", b"")
    if b"x-amz-target" in names or b"json" in sent:
        return True
    # A GET of a REST API says nothing about what it sends; an unsigned request is S3's.
    return service != "" and service not in _XML_SERVICES and b"form" not in sent
