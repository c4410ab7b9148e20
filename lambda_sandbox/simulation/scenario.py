"""What is simulated: one function, its callers, how long it takes, and the limits it lives under."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lambda_sandbox import quotas
from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.resources import LATEST, FunctionConfiguration
from lambda_sandbox.simulation.durations import Durations
from lambda_sandbox.simulation.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Scenario:
    """``invocations`` and ``duration_s`` end the traffic, whichever comes first; recorded traffic ends by itself.

    ``init`` and ``handler`` hold at ``measured_at_mb``; the part ``cpu_bound`` (0 to 1) of them is time on the processor
    and shrinks or grows with memory. ``error_share`` (0 to 1) of the handlers fail. ``asynchronous`` traffic is of type
    ``Event``: throttled and failed events are tried again by Lambda, where a synchronous caller just gets its answer.
    """

    traffic: Traffic
    handler: Durations
    init: Durations
    invocations: int | None = None
    duration_s: float | None = None
    seed: int = 1
    memory_mb: int = quotas.MEMORY_MB_DEFAULT
    measured_at_mb: int | None = None
    cpu_bound: float = 1.0
    timeout_s: int = quotas.TIMEOUT_S_DEFAULT
    architecture: str = "x86_64"
    asynchronous: bool = False
    error_share: float = 0.0
    reserved: int | None = None
    provisioned: int = 0
    account_limit: int = quotas.ACCOUNT_CONCURRENCY
    keep_alive_s: float = 300.0

    def check(self) -> None:
        """Raise ``SandboxFault`` for what AWS would refuse."""
        pool = self.account_limit - quotas.UNRESERVED_CONCURRENCY_MIN
        if self.reserved is not None and self.reserved > pool:
            raise SandboxFault(
                f"A reservation of {self.reserved} leaves less than {quotas.UNRESERVED_CONCURRENCY_MIN} of the "
                f"account's {self.account_limit} to other functions; raise the account's limit."
            )
        if self.provisioned > (pool if self.reserved is None else self.reserved):
            raise SandboxFault("Provisioned concurrency cannot be more than the function may use.")

    @property
    def function(self) -> FunctionConfiguration:
        """The function as the core knows it. AWS: provisioned concurrency is for published versions."""
        return FunctionConfiguration(
            "000000000000", "us-east-1", "simulated", "python3.13", "app.handler",
            "arn:aws:iam::000000000000:role/simulated", "0" * 64, 1, "1", "2026-01-01T00:00:00.000+0000",
            version="1" if self.provisioned else LATEST,
            memory_mb=self.memory_mb,
            timeout_s=self.timeout_s,
            architecture=self.architecture,
            reserved_concurrency=self.reserved,
        )  # fmt: skip

    @property
    def slowness(self) -> float:
        """What every duration is multiplied with at this memory.

        AWS: the processor's share grows with memory, one whole vCPU at 1,769 MB.

        POLICY: simulated functions have one thread: above 1,769 MB more memory makes them no faster. Their init scales with memory
        like their handler.
        """
        measured_at, full = self.measured_at_mb or self.memory_mb, quotas.MB_PER_VCPU
        return 1.0 - self.cpu_bound + self.cpu_bound * min(measured_at, full) / min(self.memory_mb, full)

    def with_(self, axis: str, value: float) -> Scenario:
        """Return the same scenario with one thing changed: ``memory``, ``provisioned``, ``reserved`` or ``keep-alive``."""
        match axis:
            case "memory":
                measured_at = self.measured_at_mb or self.memory_mb
                return replace(self, memory_mb=int(value), measured_at_mb=measured_at)
            case "provisioned":
                return replace(self, provisioned=int(value))
            case "reserved":
                return replace(self, reserved=int(value))
            case "keep-alive":
                return replace(self, keep_alive_s=value)
        raise SandboxFault(f"{axis} cannot be compared; memory, provisioned, reserved and keep-alive can")
