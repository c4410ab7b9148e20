"""The driver without a server has no databases, and says so."""

import pytest

from lambda_sandbox.drivers.in_process.neighbours import Neighbours
from lambda_sandbox.errors import SandboxFault


def test_rds_is_refused_rather_than_made_on_paper() -> None:
    with pytest.raises(SandboxFault, match="does not emulate rds; use the server driver"):
        Neighbours("000000000000").answer(None, "rds")
