from __future__ import annotations

import pytest

from .conftest import CALLER, Sandbox
from .refusals import refused

ARN = "arn:aws:lambda:us-east-1:000000000000:function:hello"


@pytest.mark.proves("GetFunctionRecursionConfig")
@pytest.mark.proves("PutFunctionRecursionConfig")
def test_loops_are_ended_unless_they_are_allowed(sandbox: Sandbox) -> None:
    sandbox.create(Publish=True)
    client = sandbox.client()
    assert client.get_function_recursion_config(FunctionName="hello")["RecursiveLoop"] == "Terminate"
    put = client.put_function_recursion_config(FunctionName=ARN, RecursiveLoop="Allow")
    assert put["RecursiveLoop"] == "Allow"
    assert client.get_function_recursion_config(FunctionName="hello")["RecursiveLoop"] == "Allow"
    assert sandbox.changed == [ARN]
    assert sandbox.plane.resolve("hello", "1", CALLER).recursive_loop == "Allow"


def test_only_a_function_has_the_setting(sandbox: Sandbox) -> None:
    sandbox.create()
    client = sandbox.client()
    with refused("ValidationException", 400, "1 validation error detected: Value 'hello:1'"):
        client.get_function_recursion_config(FunctionName="hello:1")
    with refused("ResourceNotFoundException", 404, "Function not found: "):
        client.put_function_recursion_config(FunctionName="nobody", RecursiveLoop="Allow")
    with refused("ValidationException", 400):
        client.put_function_recursion_config(FunctionName="hello", RecursiveLoop="Perhaps")
