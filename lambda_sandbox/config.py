"""The one place that reads flags and environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambda_sandbox import quotas

DEFAULT_PORT = 9000
ACCOUNT_ID = "000000000000"
REGION = "us-east-1"
ROOT_SECRET = "sandbox"  # noqa: S105 - of an account's root user, whose access key is the account's id


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that can be set. Read once, passed in, never changed.

    ``port`` 0 takes a free one. ``state`` is a folder, or ``None`` for nothing kept after the process ends.
    ``isolation`` is ``auto`` (the strongest the machine allows), ``bwrap`` or ``none``. ``runtime_client`` is
    ``lean`` (ours) or ``native`` (unmodified ``awslambdaric``). ``neighbours`` False starts without moto.
    ``idle_lifetime_s`` is how long an unused environment lives (POLICY: AWS documents no number).
    ``log_copies`` copies function logs to CloudWatch Logs in the neighbours. ``allow_reset`` opens ``POST /_sandbox/reset``.
    ``seed`` fixes what weighted aliases draw; ``None`` draws another series each time. ``transition_s`` is how long a
    function stays Pending and an update InProgress; 0: over when the next request comes. ``code_storage_bytes`` is the
    quota of an account in a Region. ``memory_budget_mb`` bounds the sum of all environments' configured memory; ``None``
    looks at what the machine has free. ``blank_environments`` is how many isolated environments of each flavour (with boto3
    loaded, and without) wait for a function; 0 for none.
    ``enforce_iam`` verifies signatures and lets IAM's policies decide; off, every key may do everything in its account.
    ``stop_with_stdin`` ends the server when its standard input closes, that is, when whoever started it is gone.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    listen_fd: int | None = None
    state: Path | None = None
    account_id: str = ACCOUNT_ID
    region: str = REGION
    isolation: str = "auto"
    runtime_client: str = "lean"
    neighbours: bool = True
    idle_lifetime_s: float = 300.0
    account_concurrency: int = 1000
    log_copies: bool = True
    allow_reset: bool = True
    stop_with_stdin: bool = False
    enforce_iam: bool = False
    seed: int | None = None
    transition_s: float = 0.0
    code_storage_bytes: int = quotas.CODE_STORAGE_BYTES
    memory_budget_mb: int | None = None
    blank_environments: int = 3

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None, **flags: Any) -> Config:
        """Return the configuration from ``LAMBDA_SANDBOX_*`` variables, overridden by flags that are not ``None``."""
        source = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        for name, read in _READERS.items():
            text = source.get(f"LAMBDA_SANDBOX_{name.upper()}")
            if text is not None:
                values[name] = read(text)
        values.update({name: value for name, value in flags.items() if value is not None})
        return cls(**values)


def _flag(text: str) -> bool:
    return text.strip().lower() not in {"0", "false", "no", "off", ""}


_READERS: dict[str, Any] = {
    "port": int,
    "state": Path,
    "account_id": str,
    "region": str,
    "isolation": str,
    "runtime_client": str,
    "neighbours": _flag,
    "idle_lifetime_s": float,
    "account_concurrency": int,
    "log_copies": _flag,
    "allow_reset": _flag,
    "enforce_iam": _flag,
    "seed": int,
    "transition_s": float,
    "code_storage_bytes": int,
    "memory_budget_mb": int,
    "blank_environments": int,
}
