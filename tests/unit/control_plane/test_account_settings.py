from __future__ import annotations

import pytest

from lambda_sandbox.resources import Caller

from .conftest import Sandbox, make_zip


@pytest.mark.proves("GetAccountSettings")
def test_usage_is_what_functions_their_versions_and_layers_take(sandbox: Sandbox) -> None:
    client = sandbox.client()
    code = make_zip({"app.py": "def handler(event, context): pass"})
    sandbox.create("one", Code={"ZipFile": code}, Publish=True)
    sandbox.create("two", Code={"ZipFile": code})
    layer = make_zip({"python/shared.py": "x = 1"})
    client.publish_layer_version(LayerName="shared", Content={"ZipFile": layer})
    settings = client.get_account_settings()
    assert settings["AccountUsage"] == {"TotalCodeSize": 3 * len(code) + len(layer), "FunctionCount": 2}
    client.delete_function(FunctionName="one")
    assert client.get_account_settings()["AccountUsage"]["FunctionCount"] == 1


def test_limits_are_those_of_a_new_account(sandbox: Sandbox) -> None:
    limits = sandbox.client().get_account_settings()["AccountLimit"]
    assert limits == {
        "TotalCodeSize": 300 * 1024**3,
        "CodeSizeUnzipped": 250 * 1024**2,
        "CodeSizeZipped": 50 * 1024**2,
        "ConcurrentExecutions": 1000,
        "UnreservedConcurrentExecutions": 1000,
    }


def test_another_account_uses_nothing_of_this_one(sandbox: Sandbox) -> None:
    sandbox.create()
    elsewhere = sandbox.client(Caller("111111111111", "us-east-1")).get_account_settings()
    assert elsewhere["AccountUsage"] == {"TotalCodeSize": 0, "FunctionCount": 0}
