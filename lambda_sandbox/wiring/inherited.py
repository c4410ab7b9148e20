"""What a sandbox that is a fork of a fork server finds made already."""

from __future__ import annotations

from dataclasses import dataclass

from lambda_sandbox.environments.zygote_starter import ZygoteProcess
from lambda_sandbox.services.waiting_moto import WaitingMoto


@dataclass(frozen=True, slots=True)
class Inherited:
    """``mother`` is a zygote that sandboxes share, each of which gets a fork of it; ``moto`` waits for this one alone."""

    mother: ZygoteProcess | None = None
    moto: WaitingMoto | None = None
