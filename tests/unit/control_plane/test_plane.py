from __future__ import annotations

import pytest

from lambda_sandbox.control_plane.plane import COVERAGE
from lambda_sandbox.errors import NotImplementedException

from .conftest import CALLER, MODEL, Sandbox


@pytest.mark.parametrize("operation", sorted(set(MODEL.operations) - set(COVERAGE)))
def test_operation_that_is_not_emulated_is_refused_by_name(sandbox: Sandbox, operation: str) -> None:
    with pytest.raises(NotImplementedException) as error:
        sandbox.plane.call(operation, {}, CALLER)
    assert error.value.message == f"{operation} is not emulated by this sandbox yet; see the API parity page."


def test_declared_members_exist_in_the_model() -> None:
    for operation, coverage in COVERAGE.items():
        for path in (*coverage.works, *coverage.stored, *coverage.only, *coverage.notes):
            shape = MODEL.operations[operation].input
            for step in path.split("."):
                members = MODEL.members(shape)
                assert step in members, f"{operation}.{path}"
                shape = members[step]["shape"]


def test_account_settings_count_functions_and_code(sandbox: Sandbox) -> None:
    sizes = [sandbox.create(name)["CodeSize"] for name in ("one", "two")]
    settings = sandbox.client().get_account_settings()
    assert settings["AccountUsage"] == {"TotalCodeSize": sum(sizes), "FunctionCount": 2}
    assert settings["AccountLimit"]["ConcurrentExecutions"] == 1000
    assert settings["AccountLimit"]["UnreservedConcurrentExecutions"] == 1000
    assert settings["AccountLimit"]["CodeSizeUnzipped"] == 262_144_000
