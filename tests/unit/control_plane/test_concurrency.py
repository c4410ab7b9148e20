from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from lambda_sandbox.resources import Caller

from .conftest import CALLER, Sandbox

ARN = "arn:aws:lambda:us-east-1:000000000000:function:hello"


def reserve(sandbox: Sandbox, number: int, name: str = "hello") -> None:
    sandbox.client().put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=number)


@pytest.mark.proves("PutFunctionConcurrency")
def test_reserved_concurrency_is_kept_and_the_core_hears_of_it(sandbox: Sandbox) -> None:
    sandbox.create()
    answer = sandbox.client().put_function_concurrency(FunctionName=ARN, ReservedConcurrentExecutions=7)
    assert (answer["ReservedConcurrentExecutions"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (7, 200)
    assert sandbox.concurrency_changes == [ARN]
    assert sandbox.changed == []  # nothing that runs need end
    sandbox.reopen()
    resolved = sandbox.plane.resolve("hello", None, CALLER)
    assert resolved.reserved_concurrency == 7


@pytest.mark.proves("GetFunctionConcurrency")
@pytest.mark.proves("DeleteFunctionConcurrency")
def test_deleted_reservation_is_shown_as_nothing(sandbox: Sandbox) -> None:
    sandbox.create()
    client = sandbox.client()
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName="hello")
    reserve(sandbox, 0)
    assert client.get_function_concurrency(FunctionName="hello")["ReservedConcurrentExecutions"] == 0
    answer = client.delete_function_concurrency(FunctionName="hello")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName="hello")
    assert sandbox.concurrency_changes == [ARN, ARN]


def test_published_versions_are_held_to_the_reservation(sandbox: Sandbox) -> None:
    sandbox.create(Publish=True)
    reserve(sandbox, 3)
    for qualifier in (None, "$LATEST", "1"):
        assert sandbox.plane.resolve("hello", qualifier, CALLER).reserved_concurrency == 3


def test_a_hundred_stay_unreserved_for_all_other_functions(sandbox: Sandbox) -> None:
    for name in ("hello", "other"):
        sandbox.create(name)
    reserve(sandbox, 600)
    with pytest.raises(ClientError) as error:
        reserve(sandbox, 301, "other")
    assert error.value.response["Error"] == {
        "Code": "InvalidParameterValueException",
        "Message": "Specified ReservedConcurrentExecutions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [100].",
    }
    reserve(sandbox, 300, "other")
    reserve(sandbox, 500)  # a function's own reservation is replaced, not added
    assert (
        sandbox.client().get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
        == 1000 - 300 - 500
    )


def test_other_accounts_and_regions_do_not_share_the_limit(sandbox: Sandbox) -> None:
    sandbox.create()
    reserve(sandbox, 900)
    elsewhere = sandbox.client(Caller("000000000000", "eu-west-1")).get_account_settings()["AccountLimit"]
    assert elsewhere["UnreservedConcurrentExecutions"] == 1000


@pytest.mark.parametrize(
    ("name", "number", "code", "status"),
    [
        ("nope", 1, "ResourceNotFoundException", 404),
        ("hello:1", 1, "InvalidParameterValueException", 400),
        ("hello", -1, "ValidationException", 400),
        ("hello", None, "ValidationException", 400),
    ],
    ids=["missing function", "a version", "negative", "none given"],
)
def test_reservation_that_aws_refuses_is_refused(
    sandbox: Sandbox, name: str, number: int, code: str, status: int
) -> None:
    sandbox.create()
    with pytest.raises(ClientError) as error:
        sandbox.client().put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=number)
    response = error.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert sandbox.plane.resolve("hello", None, CALLER).reserved_concurrency is None
