"""Lists in pages. A marker is opaque to callers: it holds the key of the last item that was shown."""

from __future__ import annotations

import base64
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from lambda_sandbox.errors import InvalidParameterValueException

Item = TypeVar("Item")


def page(
    items: Sequence[Item], key: Callable[[Item], str], params: Mapping[str, Any], longest: int
) -> tuple[Sequence[Item], str | None]:
    """Return one page of ``items``, which are sorted by ``key``, and the marker of the next one or ``None``.

    ``params`` may hold ``Marker`` and ``MaxItems``; a page has at most ``longest`` items whatever is asked for.
    Raises ``InvalidParameterValueException`` for a marker that is none.
    """
    marker = params.get("Marker")
    first = bisect_right(items, _read(marker), key=key) if marker else 0
    last = first + min(params.get("MaxItems") or longest, longest)
    shown = items[first:last]
    return shown, _write(key(shown[-1])) if last < len(items) else None


def _write(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode("ascii")


def _read(marker: str) -> str:
    try:
        return base64.b64decode(marker, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise InvalidParameterValueException(f"Invalid marker: {marker}") from None


def page_of(
    after: Callable[[tuple[str, ...]], Iterator[Item]],
    key: Callable[[Item], tuple[str, ...]],
    params: Mapping[str, Any],
    longest: int,
) -> tuple[list[Item], str | None]:
    """As ``page``, for a long list that can be entered anywhere: ``after(key)`` yields what follows ``key``.

    No more of the list is looked at than is shown.
    """
    marker = params.get("Marker")
    size = min(params.get("MaxItems") or longest, longest)
    following = after(tuple(_read(marker).split("\0")) if marker else ())
    shown = list(islice(following, size))
    more = next(following, None) is not None
    return shown, _write("\0".join(key(shown[-1]))) if more else None
