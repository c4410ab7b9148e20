"""The one place that reads flags and environment variables."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambda_sandbox import quotas
from lambda_sandbox.errors import SandboxFault

DEFAULT_PORT = 9000
ACCOUNT_ID = "000000000000"
REGION = "us-east-1"
ISOLATIONS = ("auto", "bwrap", "none")
RUNTIME_CLIENTS = ("lean", "native")
ROOT_SECRET = "sandbox"  # noqa: S105 - of an account's root user, whose access key is the account's id


class WrongSetting(SandboxFault, ValueError):
    """A value that a setting cannot have; its text names the setting, or the variable that it came from."""


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that can be set. Read once, passed in, never changed.

    ``port`` 0 takes a free one. ``state`` is a folder, or ``None`` for nothing kept after the process ends.
    ``isolation`` is ``auto`` (the strongest the machine allows), ``bwrap`` or ``none``. ``runtime_client`` is
    ``lean`` (ours) or ``native`` (unmodified ``awslambdaric``). ``neighbours`` False starts without moto;
    ``neighbours_on_demand`` starts it with the first call that needs it instead of at once.
    ``idle_lifetime_s`` is how long an unused environment lives; AWS documents no number.
    ``log_copies`` copies function logs to CloudWatch Logs in the neighbours. ``allow_reset`` opens ``POST /_sandbox/reset``.
    ``keeper_token`` set leaves what changes the sandbox itself (reset, fault rules, debugging, keys of issuers) to requests
    that show it in ``X-Sandbox-Token``, and hand-over with it, and keeps services from the other servers of this machine; for a
    grader, whose checks follow somebody else's notebook.
    ``seed`` fixes what weighted aliases draw; ``None`` draws another series each time. ``transition_s`` is how long a
    function stays Pending and an update InProgress; 0: over when the next request comes. ``code_storage_bytes`` is the
    quota of an account in a Region. ``memory_budget_mb`` bounds the sum of all environments' configured memory; ``None``
    looks at what the machine has free. ``blank_environments`` is how many isolated environments of each flavour (with boto3
    loaded, and without) wait for a function with the runtime's process in them; 0: those that wait have their launcher only.
    ``enforce_iam`` verifies signatures and lets IAM's policies decide; off, every key may do everything in its account.
    ``clock`` is ``real`` or ``scaled:FACTOR``: retries, batching windows and ages then run FACTOR times as fast.
    ``duplicate_events`` is the probability that an accepted asynchronous event runs twice, as AWS allows; ``seed`` fixes which.
    ``kafka_bootstrap_servers`` is ``HOST:PORT[,…]`` of a real broker that Kafka mappings read from.
    ``mqtt_broker`` is ``HOST:PORT`` of a real broker on this machine, whose messages AWS IoT topic rules see.
    ``otlp`` is the address of an OpenTelemetry collector, which takes OTLP over HTTP (``http://127.0.0.1:4318``); one that is not
    on this machine only with ``allow_network``, the ``HOST:PORT`` pairs that may be reached off the sandbox: by every function
    whose environment has a network of its own, and by the sandbox itself.
    ``node_modules`` is a folder of npm packages, or the one that it lies in, which all Node.js functions find: AWS's runtimes
    bring the AWS SDK there.
    ``neighbours_socket`` is the Unix socket of neighbours that somebody else runs, and that outlive this sandbox.
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
    neighbours_on_demand: bool = False
    idle_lifetime_s: float = 300.0
    account_concurrency: int = 1000
    log_copies: bool = True
    allow_reset: bool = True
    keeper_token: str = ""
    stop_with_stdin: bool = False
    enforce_iam: bool = False
    seed: int | None = None
    transition_s: float = 0.0
    code_storage_bytes: int = quotas.CODE_STORAGE_BYTES
    memory_budget_mb: int | None = None
    blank_environments: int = 3
    clock: str = "real"
    duplicate_events: float = 0.0
    kafka_bootstrap_servers: str = ""
    mqtt_broker: str = ""
    neighbours_socket: Path | None = None
    otlp: str = ""
    allow_network: tuple[str, ...] = ()
    node_modules: Path | None = None

    def __post_init__(self) -> None:
        """Raises ``WrongSetting``, a ``ValueError``, for a value that makes no sense."""
        for name, (holds, rule) in _RULES.items():
            value = getattr(self, name)
            if value is not None and not holds(value):
                raise WrongSetting(f"{name} is {rule}, not {_shown(value)}")

    @property
    def clock_factor(self) -> float:
        """How many seconds of waiting pass in a second; 0 for what is no clock."""
        return _clock_factor(self.clock)

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None, **flags: Any) -> Config:
        """Return the configuration from ``LAMBDA_SANDBOX_*`` variables, overridden by flags that are not ``None``.

        Raises ``WrongSetting`` that names the variable with a value that makes no sense.
        """
        source = os.environ if environment is None else environment
        values = {name: value for name, value in flags.items() if value is not None}
        for name in _READERS:
            variable = f"LAMBDA_SANDBOX_{name.upper()}"
            text = source.get(variable)
            if text is not None and name not in values:
                values[name] = _read(name, variable, text)
        return cls(**values)


def _read(name: str, variable: str, text: str) -> Any:
    """Return the value that a variable's text means. Raises ``WrongSetting`` with the variable's name."""
    holds, rule = _RULES.get(name, (_anything, _KINDS.get(_READERS[name], "")))
    try:
        # ``Path("")`` is the folder that the command happens to run in, which nobody means.
        value = _READERS[name](text) if text or _READERS[name] is not Path else None
    except ValueError:
        value = None
    if value is None or not holds(value):
        raise WrongSetting(f"{variable} is {_shown(text)}, and it must be {rule}; change it or unset it")
    return value


def _anything(value: Any) -> bool:
    return True


def _shown(value: Any) -> str:
    return str(value) if value != "" else "empty"


def _clock_factor(clock: str) -> float:
    kind, _, factor = clock.partition(":")
    if clock == "real":
        return 1.0
    try:
        value = float(factor) if kind == "scaled" else 0.0
    except ValueError:
        return 0.0
    return value if 0 < value <= 100_000 else 0.0


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


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
    "neighbours_on_demand": _flag,
    "idle_lifetime_s": float,
    "account_concurrency": int,
    "log_copies": _flag,
    "allow_reset": _flag,
    "keeper_token": str,
    "enforce_iam": _flag,
    "seed": int,
    "transition_s": float,
    "code_storage_bytes": int,
    "memory_budget_mb": int,
    "blank_environments": int,
    "clock": str,
    "duplicate_events": float,
    "kafka_bootstrap_servers": str,
    "mqtt_broker": str,
    "neighbours_socket": Path,
    "otlp": str,
    "allow_network": _list,
    "node_modules": Path,
}
_KINDS: dict[Any, str] = {int: "a whole number", float: "a number", Path: "a path"}
_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "port": (lambda port: 0 <= port <= 65535, "a whole number from 0 to 65535"),
    "account_id": (lambda text: re.fullmatch(r"[0-9]{12}", text) is not None, "an account id of 12 digits"),
    "region": (bool, "the name of a Region, such as us-east-1"),
    "isolation": (lambda text: text in ISOLATIONS, f"one of {', '.join(ISOLATIONS)}"),
    "runtime_client": (lambda text: text in RUNTIME_CLIENTS, f"one of {', '.join(RUNTIME_CLIENTS)}"),
    "idle_lifetime_s": (lambda s: math.isfinite(s) and s >= 0, "a number of seconds from 0"),
    "account_concurrency": (lambda count: count >= 1, "a whole number from 1"),
    "transition_s": (lambda s: math.isfinite(s) and s >= 0, "a number of seconds from 0"),
    "code_storage_bytes": (lambda count: count >= 0, "a whole number from 0"),
    "memory_budget_mb": (lambda count: count >= 1, "a whole number of MB from 1"),
    "blank_environments": (lambda count: count >= 0, "a whole number from 0"),
    "clock": (lambda text: _clock_factor(text) > 0, "real or scaled:FACTOR"),
    "duplicate_events": (lambda share: 0.0 <= share <= 1.0, "a probability from 0 to 1"),
}
