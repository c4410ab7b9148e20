from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambda_sandbox.resources import Caller

from .conftest import BASE_URL, CALLER, ROLE, Sandbox, make_zip

ARN = "arn:aws:lambda:us-east-1:000000000000:function:hello"


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int, str]:
    response = error.value.response
    return (
        response["Error"]["Code"],
        response["ResponseMetadata"]["HTTPStatusCode"],
        response["Error"]["Message"],
    )


def test_created_function_is_pending_in_the_answer_and_active_when_looked_at(sandbox: Sandbox) -> None:
    created = sandbox.create()
    assert created["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (created["State"], created["StateReasonCode"]) == ("Pending", "Creating")
    found = sandbox.client().get_function_configuration(FunctionName="hello")
    assert (found["State"], found["LastUpdateStatus"]) == ("Active", "Successful")


def test_waiters_of_boto_return_at_once(sandbox: Sandbox) -> None:
    sandbox.create()
    client = sandbox.client()
    client.get_waiter("function_active_v2").wait(FunctionName="hello")
    client.get_waiter("function_updated_v2").wait(FunctionName="hello")
    client.get_waiter("function_exists").wait(FunctionName="hello")


def test_defaults_are_those_of_aws(sandbox: Sandbox) -> None:
    sandbox.create()
    found = sandbox.client().get_function_configuration(FunctionName="hello")
    del found["ResponseMetadata"], found["RevisionId"], found["CodeSha256"], found["CodeSize"]
    assert found.pop("RuntimeVersionConfig")["RuntimeVersionArn"].startswith(
        "arn:aws:lambda:us-east-1::runtime:"
    )
    assert found == {
        "FunctionName": "hello",
        "FunctionArn": ARN,
        "Runtime": "python3.12",
        "Role": ROLE,
        "Handler": "app.handler",
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "LastModified": "2023-11-14T22:13:20.000+0000",
        "Version": "$LATEST",
        "TracingConfig": {"Mode": "PassThrough"},
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/hello"},
        "State": "Active",
        "LastUpdateStatus": "Successful",
    }


def test_settings_given_at_creation_are_kept(sandbox: Sandbox) -> None:
    sandbox.create(
        Description="says hello",
        Timeout=900,
        MemorySize=10_240,
        Environment={"Variables": {"MODE": "test"}},
        EphemeralStorage={"Size": 10_240},
        Architectures=["arm64"],
        TracingConfig={"Mode": "Active"},
        LoggingConfig={"LogFormat": "Text", "LogGroup": "/my/group"},
        Tags={"team": "Łódź"},
    )
    found = sandbox.client().get_function(FunctionName="hello")
    configuration = found["Configuration"]
    assert configuration["Description"] == "says hello"
    assert (configuration["Timeout"], configuration["MemorySize"]) == (900, 10_240)
    assert configuration["Environment"] == {"Variables": {"MODE": "test"}}
    assert configuration["EphemeralStorage"] == {"Size": 10_240}
    assert configuration["Architectures"] == ["arm64"]
    assert configuration["TracingConfig"] == {"Mode": "Active"}
    assert configuration["LoggingConfig"]["LogGroup"] == "/my/group"
    assert found["Tags"] == {"team": "Łódź"}


def test_link_to_the_code_gives_the_uploaded_zip_for_ten_minutes(sandbox: Sandbox) -> None:
    package = make_zip({"a.txt": "a"})
    sandbox.create(Code={"ZipFile": package})
    location = sandbox.client().get_function(FunctionName="hello")["Code"]["Location"]
    assert location.startswith(f"{BASE_URL}/_sandbox/code/")
    token = location.rsplit("/", 1)[1]
    assert sandbox.plane.code_zip(token) == package
    sandbox.clock.advance(601)
    assert sandbox.plane.code_zip(token) is None
    assert sandbox.plane.code_zip("unknown") is None


def test_code_comes_from_s3_in_the_version_asked_for(sandbox: Sandbox) -> None:
    package = make_zip({"from.txt": "s3"})
    sandbox.objects["code-bucket", "a/b.zip", "7"] = package
    created = sandbox.create(Code={"S3Bucket": "code-bucket", "S3Key": "a/b.zip", "S3ObjectVersion": "7"})
    assert created["CodeSize"] == len(package)
    assert (sandbox.plane.code.directory(created["CodeSha256"]) / "from.txt").read_text() == "s3"


@pytest.mark.parametrize(
    "name",
    ["hello", ARN, "000000000000:function:hello", "function:hello", "hello:$LATEST", f"{ARN}:$LATEST"],
)
def test_function_is_found_by_every_form_of_its_name(sandbox: Sandbox, name: str) -> None:
    sandbox.create()
    assert sandbox.plane.resolve(name, None, CALLER).function_name == "hello"
    found = sandbox.client().get_function_configuration(FunctionName=name)
    assert found["FunctionArn"] == (f"{ARN}:$LATEST" if name.endswith("$LATEST") else ARN)


@pytest.mark.parametrize(
    ("name", "qualifier", "code", "message"),
    [
        ("nope", None, "ResourceNotFoundException", "Function not found: " + ARN.replace("hello", "nope")),
        ("hello", "7", "ResourceNotFoundException", f"Function not found: {ARN}:7"),
        ("hello:live", None, "ResourceNotFoundException", f"Function not found: {ARN}:live"),
        (
            ARN.replace("us-east-1", "eu-west-1"),
            None,
            "ResourceNotFoundException",
            "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
        ),
        (
            "hello:1",
            "2",
            "InvalidParameterValueException",
            "The derived qualifier from the function name does not match the specified qualifier.",
        ),
    ],
)
def test_name_that_leads_nowhere_is_refused(
    sandbox: Sandbox, name: str, qualifier: str | None, code: str, message: str
) -> None:
    sandbox.create()
    request = {"FunctionName": name} | ({"Qualifier": qualifier} if qualifier else {})
    with pytest.raises(ClientError) as error:
        sandbox.client().get_function(**request)
    status = 404 if code == "ResourceNotFoundException" else 400
    assert refusal(error) == (code, status, message)


def test_function_of_another_account_is_not_reachable(sandbox: Sandbox) -> None:
    with pytest.raises(ClientError) as error:
        sandbox.client().get_function(FunctionName=ARN.replace("000000000000", "111111111111"))
    assert refusal(error)[:2] == ("AccessDeniedException", 403)


def test_policy_of_a_function_opens_operations_on_it_to_another_account(sandbox: Sandbox) -> None:
    sandbox.create(Publish=True)
    owner, stranger = sandbox.client(), sandbox.client(Caller("111111111111", "us-east-1"))
    for action in ("GetFunction", "CreateAlias"):
        owner.add_permission(
            FunctionName="hello",
            StatementId=action,
            Action=f"lambda:{action}",
            Principal="111111111111",
        )
    assert stranger.get_function(FunctionName=ARN)["Configuration"]["FunctionArn"] == ARN
    stranger.create_alias(FunctionName=ARN, Name="live", FunctionVersion="1")
    assert owner.get_alias(FunctionName="hello", Name="live")["AliasArn"] == f"{ARN}:live"
    for request in (
        lambda: stranger.get_alias(FunctionName=ARN, Name="live"),
        lambda: stranger.update_function_configuration(FunctionName=ARN, Timeout=9),
    ):
        with pytest.raises(ClientError) as error:
            request()
        assert refusal(error)[:2] == ("AccessDeniedException", 403)
    assert stranger.list_functions()["Functions"] == []


def test_accounts_and_regions_do_not_see_each_other(sandbox: Sandbox) -> None:
    sandbox.create()
    for other in (Caller("111111111111", "us-east-1"), Caller("000000000000", "eu-west-1")):
        client = sandbox.client(other)
        assert client.list_functions()["Functions"] == []
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.get_function(FunctionName="hello")


BAD_REQUESTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "an unknown runtime": (
        {"Runtime": "python9.9"},
        "InvalidParameterValueException",
        "Value python9.9 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [nodejs, ",
    ),
    "a runtime that is not run here": (
        {"Runtime": "nodejs18.x"},
        "NotImplementedException",
        "Runtime=nodejs18.x is not emulated by this sandbox yet (it runs python3.10, ",
    ),
    "a runtime that AWS no longer takes": (
        {"Runtime": "python3.7"},
        "InvalidParameterValueException",
        "The runtime parameter of python3.7 is no longer supported for creating or updating AWS Lambda functions. We "
        "recommend you use the new runtime (python3.14) while creating or updating functions.",
    ),
    "no handler": (
        {"Handler": None},
        "InvalidParameterValueException",
        "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
    ),
    "a role that is none": (
        {"Role": "lambda"},
        "ValidationException",
        "1 validation error detected: Value 'lambda' at 'role' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: arn:",
    ),
    "a name of 65 characters": (
        {"FunctionName": "x" * 65},
        "ValidationException",
        f"1 validation error detected: Value '{'x' * 65}' at 'functionName' failed to satisfy constraint: "
        "Member must have length less than or equal to 64",
    ),
    "memory of Managed Instances": (
        {"MemorySize": 10_241},
        "InvalidParameterValueException",
        "'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to 10240",
    ),
    "a timeout over 15 minutes": (
        {"Timeout": 901},
        "InvalidParameterValueException",
        "'Timeout' value failed to satisfy constraint: Member must have value less than or equal to 900",
    ),
    "a /tmp over 10 GB": (
        {"EphemeralStorage": {"Size": 10_241}},
        "InvalidParameterValueException",
        "'EphemeralStorage' value failed to satisfy constraint",
    ),
    "reserved variables": (
        {"Environment": {"Variables": {"AWS_REGION": "x", "AWS_ACCESS_KEY_ID": "y"}}},
        "InvalidParameterValueException",
        "Lambda was unable to configure your environment variables because the environment variables you have "
        "provided contains reserved keys that are currently not supported for modification. Reserved keys used in "
        "this request: AWS_ACCESS_KEY_ID, AWS_REGION",
    ),
    "5 KB of variables": (
        {"Environment": {"Variables": {"BIG": "x" * 5000}}},
        "InvalidParameterValueException",
        "Lambda was unable to configure your environment variables because the environment variables you have "
        'provided exceeded the 4KB limit. String measured: {"BIG":"xxx',
    ),
    "a variable no process can have": (
        {"Environment": {"Variables": {"NUL": "a\0b"}}},
        "InvalidParameterValueException",
        "Lambda was unable to configure your environment variables",
    ),
    "a corrupt zip": (
        {"Code": {"ZipFile": b"not a zip"}},
        "InvalidParameterValueException",
        "Could not unzip uploaded file. Please check your file, then try to upload again.",
    ),
    "an empty zip": (
        {"Code": {"ZipFile": b""}},
        "InvalidParameterValueException",
        "Uploaded file must be a non-empty zip",
    ),
    "no code": ({"Code": {}}, "InvalidParameterValueException", "Please provide a source for function code."),
    "two sources": (
        {"Code": {"ZipFile": make_zip(), "S3Bucket": "bucket", "S3Key": "key"}},
        "InvalidParameterValueException",
        "Please do not provide other FunctionCode parameters when providing a ZipFile.",
    ),
    "an object that is not there": (
        {"Code": {"S3Bucket": "bucket", "S3Key": "key"}},
        "InvalidParameterValueException",
        "Error occurred while GetObject.",
    ),
    "51 tags": (
        {"Tags": {f"k{number}": "" for number in range(51)}},
        "InvalidParameterValueException",
        "Number of tags exceeds resource tag limit.",
    ),
}


@pytest.mark.parametrize(("change", "code", "message"), BAD_REQUESTS.values(), ids=BAD_REQUESTS.keys())
def test_bad_request_gets_the_error_of_aws_and_leaves_nothing(
    sandbox: Sandbox, change: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(ClientError) as error:
        sandbox.create(**change)
    assert refusal(error)[0] == code
    assert refusal(error)[2].startswith(message)
    assert sandbox.client().list_functions()["Functions"] == []


@pytest.mark.parametrize(
    ("member", "value", "named"),
    [
        ("RuntimeConfig", {"RuntimeArn": "arn:aws:lambda:us-east-1:000000000000:runtime/own", "RuntimeAlias": "a"}, "RuntimeConfig"),
    ],
)  # fmt: skip
def test_option_that_is_not_emulated_is_refused_by_name(
    sandbox: Sandbox, member: str, value: Any, named: str
) -> None:
    with pytest.raises(ClientError) as error:
        sandbox.create(**{member: value})
    code, status, message = refusal(error)
    assert (code, status) == ("NotImplementedException", 501)
    assert message.startswith(f"CreateFunction.{named} ")
    assert message.endswith("see the API parity page.")


@pytest.mark.parametrize(
    "harmless",
    [
        {"Publish": False},
        {"PackageType": "Zip"},
        {"SnapStart": {"ApplyOn": "None"}},
        {"VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []}},
        {"Layers": []},
        {"KMSKeyArn": ""},
        {"DeadLetterConfig": {}},
    ],
    ids=str,
)
def test_option_at_its_do_nothing_value_is_accepted(sandbox: Sandbox, harmless: dict[str, Any]) -> None:
    assert sandbox.create(**harmless)["FunctionName"] == "hello"


def test_name_that_is_taken_is_a_conflict(sandbox: Sandbox) -> None:
    sandbox.create()
    with pytest.raises(ClientError) as error:
        sandbox.create()
    assert refusal(error) == ("ResourceConflictException", 409, "Function already exist: hello")


def test_code_update_changes_the_code_and_is_heard(sandbox: Sandbox) -> None:
    created = sandbox.create()
    updated = sandbox.client().update_function_code(
        FunctionName="hello", ZipFile=make_zip({"new.txt": "new"})
    )
    assert updated["LastUpdateStatus"] == "InProgress"
    found = sandbox.client().get_function_configuration(FunctionName="hello")
    assert found["CodeSha256"] == updated["CodeSha256"] != created["CodeSha256"]
    assert found["RevisionId"] != created["RevisionId"]
    assert sandbox.changed == [ARN]


def test_dry_run_of_a_code_update_checks_and_changes_nothing(sandbox: Sandbox) -> None:
    created = sandbox.create()
    client = sandbox.client()
    tried = client.update_function_code(
        FunctionName="hello", ZipFile=make_zip({"new.txt": "new"}), DryRun=True
    )
    assert tried["CodeSha256"] != created["CodeSha256"]
    assert client.get_function_configuration(FunctionName="hello")["CodeSha256"] == created["CodeSha256"]
    assert sandbox.changed == []
    with pytest.raises(ClientError, match="Could not unzip uploaded file"):
        client.update_function_code(FunctionName="hello", ZipFile=b"PK", DryRun=True)


def test_configuration_update_changes_what_it_names_and_no_more(sandbox: Sandbox) -> None:
    sandbox.create(Timeout=10)
    client = sandbox.client()
    client.update_function_configuration(
        FunctionName="hello", MemorySize=512, Environment={"Variables": {"AB": "1"}}
    )
    found = client.get_function_configuration(FunctionName="hello")
    assert (found["Timeout"], found["MemorySize"], found["Environment"]) == (
        10,
        512,
        {"Variables": {"AB": "1"}},
    )
    client.update_function_configuration(FunctionName="hello", Environment={"Variables": {}})
    found = client.get_function_configuration(FunctionName="hello")
    assert "Environment" not in found
    assert found["MemorySize"] == 512
    assert sandbox.changed == [ARN, ARN]


@pytest.mark.parametrize("operation", ["update_function_code", "update_function_configuration"])
def test_update_with_an_old_revision_is_refused(sandbox: Sandbox, operation: str) -> None:
    revision = sandbox.create()["RevisionId"]
    change = {"ZipFile": make_zip({"b": "b"})} if operation.endswith("code") else {"Timeout": 5}
    update = getattr(sandbox.client(), operation)
    update(FunctionName="hello", RevisionId=revision, **change)
    with pytest.raises(ClientError) as error:
        update(FunctionName="hello", RevisionId=revision, **change)
    assert refusal(error)[:2] == ("PreconditionFailedException", 412)
    assert len(sandbox.changed) == 1


def test_deleted_function_is_gone_with_its_tags(sandbox: Sandbox) -> None:
    sandbox.create(Tags={"team": "a"})
    client = sandbox.client()
    assert client.delete_function(FunctionName="hello")["ResponseMetadata"]["HTTPStatusCode"] == 204
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName="hello")
    assert sandbox.changed == [ARN]
    sandbox.create()
    assert "Tags" not in client.get_function(FunctionName="hello")


def test_latest_version_alone_cannot_be_deleted(sandbox: Sandbox) -> None:
    sandbox.create()
    with pytest.raises(ClientError) as error:
        sandbox.client().delete_function(FunctionName="hello", Qualifier="$LATEST")
    assert refusal(error)[0] == "InvalidParameterValueException"


def test_list_comes_in_pages_by_name(sandbox: Sandbox) -> None:
    for number in (3, 1, 2):
        sandbox.create(f"f{number}")
    client = sandbox.client()
    pages = client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
    names = [[function["FunctionName"] for function in page["Functions"]] for page in pages]
    assert names == [["f1", "f2"], ["f3"]]
    with pytest.raises(ClientError, match="Invalid marker: é"):
        client.list_functions(Marker="é")


def test_lists_leave_out_what_only_a_look_at_one_function_tells(sandbox: Sandbox) -> None:
    sandbox.create(Publish=True)
    only_alone = {"State", "StateReasonCode", "StateReason", "LastUpdateStatus", "RuntimeVersionConfig"}
    client = sandbox.client()
    listed = client.list_functions(FunctionVersion="ALL")["Functions"]
    listed += client.list_versions_by_function(FunctionName="hello")["Versions"]
    assert len(listed) == 4
    assert not any(only_alone & each.keys() for each in listed)


def test_list_of_all_versions_shows_qualified_arns(sandbox: Sandbox) -> None:
    sandbox.create()
    [function] = sandbox.client().list_functions(FunctionVersion="ALL")["Functions"]
    assert function["FunctionArn"] == f"{ARN}:$LATEST"


def test_old_code_stays_until_nothing_can_run_it_and_then_goes(sandbox: Sandbox) -> None:
    old = sandbox.create()["CodeSha256"]
    client = sandbox.client()
    client.update_function_code(FunctionName="hello", ZipFile=make_zip({"new": "new"}))
    assert sandbox.plane.code.package(old) is not None
    sandbox.clock.advance(900)
    client.update_function_code(FunctionName="hello", ZipFile=make_zip({"newer": "newer"}))
    assert sandbox.plane.code.package(old) is None


def test_code_that_another_function_uses_is_kept(sandbox: Sandbox) -> None:
    shared = sandbox.create("one")["CodeSha256"]
    sandbox.create("two")
    client = sandbox.client()
    client.delete_function(FunctionName="one")
    sandbox.clock.advance(10_000)
    sandbox.create("three", Code={"ZipFile": make_zip({"b": "b"})})
    client.delete_function(FunctionName="three")
    assert sandbox.plane.code.package(shared) is not None


def test_everything_is_there_after_a_restart(sandbox: Sandbox) -> None:
    created = sandbox.create(Environment={"Variables": {"AB": "é"}}, Tags={"team": "a"})
    before = sandbox.client().get_function(FunctionName="hello")
    sandbox.reopen()
    after = sandbox.client().get_function(FunctionName="hello")
    assert after["Configuration"] == before["Configuration"]
    assert after["Tags"] == {"team": "a"}
    assert (sandbox.plane.code.directory(created["CodeSha256"]) / "app.txt").read_text() == "hello"


def test_reset_forgets_functions_and_code(sandbox: Sandbox) -> None:
    created = sandbox.create()
    sandbox.plane.reset()
    assert sandbox.client().list_functions()["Functions"] == []
    assert sandbox.plane.code.package(created["CodeSha256"]) is None
