"""What of a body is text and what is bytes: ``body`` and ``isBase64Encoded`` of an event, and back."""

from __future__ import annotations

import base64
import binascii

from lambda_sandbox.front_doors.http_request import HttpRequest

# POLICY: an HTTP API hands over a body as text if its content type is ``text/…``, JSON, JavaScript or XML, and in base64 otherwise, a
# form (``application/x-www-form-urlencoded``) among them. AWS documents no list: decode by ``isBase64Encoded``, whatever came.
_TEXT_TYPES = ("text/", "application/json", "application/javascript", "application/xml")


class NotBase64(ValueError):
    """A body that was said to be base64 is not."""


def by_content_type(request: HttpRequest) -> tuple[str | None, bool]:
    """Return ``body`` (``None`` for none) and ``isBase64Encoded`` as HTTP APIs decide it."""
    if not request.body:
        return None, False
    if request.header("content-type").strip().lower().startswith(_TEXT_TYPES):
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(request.body).decode(), True


def by_media_types(request: HttpRequest, binary_media_types: list[str]) -> tuple[str | None, bool]:
    """Return ``body`` and ``isBase64Encoded`` as REST APIs decide it: binary is what was registered as binary.

    AWS: other bodies are taken as UTF-8, whatever they are, so that an image that nobody registered arrives damaged.
    """
    if not request.body:
        return None, False
    if is_binary(request.header("content-type"), binary_media_types):
        return base64.b64encode(request.body).decode(), True
    return request.body.decode("utf-8", "replace"), False


def is_binary(media_type: str, binary_media_types: list[str]) -> bool:
    """Whether a media type is one of those registered; ``*/*`` stands for all, ``image/*`` for a family."""
    given = media_type.partition(";")[0].strip().lower()
    for each in binary_media_types:
        registered = each.strip().lower()
        if registered in ("*/*", given) and (given or registered == "*/*"):
            return True
        if registered.endswith("/*") and given.startswith(registered[:-1]):
            return True
    return False


def first_accepted(accept: str) -> str:
    """Return the first media type of an ``Accept`` header: the only one that a REST API looks at."""
    return accept.partition(",")[0].partition(";")[0].strip()


def decoded(body: str) -> bytes:
    """Return the bytes of a base64 text. Raises ``NotBase64``."""
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise NotBase64("the body is not base64") from None
