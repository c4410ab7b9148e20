"""Which members of an operation's input the sandbox acts on. What is not declared is refused, never ignored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from lambda_sandbox.errors import NotImplementedException

SEE = "see the API parity page"


@dataclass(frozen=True, slots=True)
class Coverage:
    """What one operation honours, by dotted member path.

    ``works`` members do what they do on AWS; ``stored`` ones are kept and shown and change nothing here.
    ``only`` names, for members that are otherwise refused, the values that ask for nothing or that do work.
    ``notes`` says in words which part of a member of ``works`` is honoured; the operation itself refuses the rest. That of a
    ``stored`` one says what does not follow from it.
    ``reasons`` says of members that are refused why, and what to do instead.
    ``limit`` says, where that is so, what keeps the operation as a whole from doing what it does on AWS.
    """

    works: frozenset[str] = frozenset()
    stored: frozenset[str] = frozenset()
    only: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    limit: str = ""

    def refuse_others(self, operation: str, params: Mapping[str, Any]) -> None:
        """Raise ``NotImplementedException`` that names the first member of ``params`` that is not honoured.

        Empty values pass: they ask for nothing.
        """
        for path in self._others(params, ""):
            why = f": {self.reasons[path]}" if path in self.reasons else " yet"
            raise NotImplementedException(f"{operation}.{path} is not emulated by this sandbox{why}; {SEE}.")

    def status(self, path: str) -> Literal["works", "stored only", "in part", "refused"]:
        """Return what is done with a member."""
        if path in self.works:
            return "in part" if path in self.notes else "works"
        if path in self.stored:
            return "stored only"
        return "in part" if path in self.only or self._has_parts(path) else "refused"

    def _others(self, params: Mapping[str, Any], prefix: str) -> Iterator[str]:
        for name, value in params.items():
            path = prefix + name
            if path in self.works or path in self.stored or _is_empty(value):
                continue
            if value in self.only.get(path, ()):
                continue
            if isinstance(value, Mapping) and self._has_parts(path):
                yield from self._others(value, f"{path}.")
            else:
                yield self._named(path, value)

    def _named(self, path: str, value: Any) -> str:
        if path not in self.only:
            return path
        return f"{path}={value} (anything but {', '.join(str(each) for each in self.only[path])})"

    def _has_parts(self, path: str) -> bool:
        inner = f"{path}."
        return any(each.startswith(inner) for each in (*self.works, *self.stored, *self.only))


def _is_empty(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_is_empty(each) for each in value.values())
    return value is None or value in ("", [], b"")


# Operations that do not pass through the control plane: the server reads their requests itself and honours these members.
_INVOKE = frozenset({"FunctionName", "Qualifier", "InvocationType", "LogType", "ClientContext", "TenantId"})
INVOCATIONS: dict[str, Coverage] = {
    "Invoke": Coverage(works=_INVOKE | {"Payload", "DurableExecutionName"}),
    "InvokeAsync": Coverage(works=frozenset({"FunctionName", "InvokeArgs"})),
    "InvokeWithResponseStream": Coverage(works=_INVOKE | {"Payload"}),
}
