"""The names by which the core files a version, made once: they are asked for several times an invocation."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from lambda_sandbox.resources import FunctionConfiguration

_KEPT = 4096


@dataclass(frozen=True, slots=True)
class VersionKeys:
    """``pool`` is what two invocations must share to share an environment: version and revision (and the tenant).

    ``arn`` is unqualified; ``mark`` stands for it in trace headers.
    """

    function: FunctionConfiguration
    arn: str
    pool: str
    mark: str


_known: dict[int, VersionKeys] = {}


def keys_of(function: FunctionConfiguration) -> VersionKeys:
    """Return the keys of this very object; the entry keeps it alive, so that its identity stays its own."""
    known = _known.get(id(function))
    if known is not None:
        return known
    if len(_known) >= _KEPT:
        _known.clear()
    arn = function.arn
    pool = f"{function.qualified_arn}@{function.revision_id}"
    keys = _known[id(function)] = VersionKeys(function, arn, pool, mark_of(arn))
    return keys


def mark_of(function_arn: str) -> str:
    return blake2b(function_arn.encode(), digest_size=4).hexdigest()


def pool_key(function: FunctionConfiguration) -> str:
    """Return the key of the pool of environments that are no tenant's."""
    return keys_of(function).pool
