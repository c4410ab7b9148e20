"""The body of a response that a runtime streams: handed on chunk by chunk instead of being collected.

Source: AWS Lambda Developer Guide, "Building a custom runtime", section on response streaming, read 2026-11.
"""

from __future__ import annotations

from typing import Protocol

from lambda_sandbox.invocation.messages import RefuseRuntime

MODE_HEADER = b"lambda-runtime-function-response-mode"


class BodySource(Protocol):
    """The runtime's end of a stream."""

    def hold(self, on: bool) -> None:
        """Stop reading from the runtime, or go on."""
        ...


class BodyTarget(Protocol):
    """Where a streamed body goes."""

    def write(self, data: bytes) -> RefuseRuntime | None: ...

    def end(self, error_type: str, error_body: bytes) -> RefuseRuntime | None: ...

    def broken(self) -> None: ...


class StreamedBody:
    """One body that is coming in. After a refusal the rest is read and thrown away, so that the answer can be read."""

    def __init__(self, target: BodyTarget | RefuseRuntime) -> None:
        self._target = None if isinstance(target, RefuseRuntime) else target
        self._refusal = target if isinstance(target, RefuseRuntime) else None

    def write(self, data: bytes) -> None:
        if self._refusal is None and self._target is not None:
            self._refusal = self._target.write(data)

    def end(self, error_type: str, error_body: bytes) -> RefuseRuntime | None:
        """Return what the runtime is answered with: ``None`` is 202."""
        target, self._target = self._target, None
        if self._refusal is None and target is not None:
            return target.end(error_type, error_body)
        return self._refusal

    def broken(self) -> None:
        target, self._target = self._target, None
        if self._refusal is None and target is not None:
            target.broken()


class PassedOn(list[bytes]):
    """Stands where a connection collects a body, and collects nothing: the parts go on as they come.

    So the connection's way for ordinary bodies, which every invocation takes, need not ask whether this one is streamed.
    """

    def __init__(self, body: StreamedBody) -> None:
        super().__init__()
        self._to = body

    def append(self, part: bytes) -> None:
        self._to.write(part)
