"""A failure of the server's own, as the query protocol tells it: status 500, which AWS's clients try again."""

from __future__ import annotations

from xml.sax.saxutils import escape

from werkzeug.exceptions import InternalServerError

_BODY = (
    '<ErrorResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><Error><Type>Receiver</Type>'
    "<Code>InternalFailure</Code><Message>{message}</Message></Error>"
    "<RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>"
)


class InternalFailure(InternalServerError):
    """moto's errors of RDS are 400 unless the service's model says otherwise, and this one is in no model.

    Source: Amazon RDS API Reference, "Common Error Types", read 2026-11.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(_BODY.format(message=escape(sentence)))

    def get_headers(self, *_: object, **__: object) -> list[tuple[str, str]]:
        return [("Content-Type", "text/xml")]
