"""The configuration of function URLs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambda_sandbox.resources import Cors
from tests.unit.control_plane.conftest import Sandbox

ADDRESS = re.compile(r"http://(?P<id>[a-z0-9]{32})\.lambda-url\.us-east-1\.localhost:9000/")
ARN = "arn:aws:lambda:us-east-1:000000000000:function:hello"
CORS = {
    "AllowCredentials": True,
    "AllowHeaders": ["date"],
    "AllowMethods": ["GET", "*"],
    "AllowOrigins": ["https://example.com"],
    "ExposeHeaders": ["keep-alive"],
    "MaxAge": 86_400,
}


def refused(call: Any, **parameters: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response
    return error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.proves("CreateFunctionUrlConfig")
@pytest.mark.proves("GetFunctionUrlConfig")
def test_a_url_is_made_with_its_defaults_and_found_by_its_id(sandbox: Sandbox) -> None:
    sandbox.create()
    client = sandbox.client()
    made = client.create_function_url_config(FunctionName="hello", AuthType="NONE")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    found = ADDRESS.fullmatch(made["FunctionUrl"])
    assert found is not None
    assert (made["FunctionArn"], made["AuthType"], made["InvokeMode"]) == (ARN, "NONE", "BUFFERED")
    assert "Cors" not in made
    assert "LastModifiedTime" not in made
    got = client.get_function_url_config(FunctionName="hello")
    assert got["FunctionUrl"] == made["FunctionUrl"]
    assert got["LastModifiedTime"] == made["CreationTime"]
    url = sandbox.plane.function_url(found["id"])
    assert url is not None
    assert (url.function_arn, url.qualifier) == (ARN, "")
    assert sandbox.plane.function_url("0" * 32) is None


def test_a_function_has_one_url_for_itself_and_one_for_each_alias(sandbox: Sandbox) -> None:
    sandbox.create()
    client = sandbox.client()
    client.publish_version(FunctionName="hello")
    client.create_alias(FunctionName="hello", Name="live", FunctionVersion="1")
    make = client.create_function_url_config
    make(FunctionName="hello", AuthType="AWS_IAM")
    alias = make(FunctionName="hello", Qualifier="live", AuthType="AWS_IAM", InvokeMode="RESPONSE_STREAM")
    assert (alias["FunctionArn"], alias["InvokeMode"]) == (f"{ARN}:live", "RESPONSE_STREAM")
    assert refused(make, FunctionName="hello", AuthType="NONE") == ("ResourceConflictException", 409)
    assert refused(make, FunctionName="hello", Qualifier="1", AuthType="NONE")[1] == 400
    assert refused(make, FunctionName="hello", Qualifier="none", AuthType="NONE") == (
        "ResourceNotFoundException",
        404,
    )
    assert refused(make, FunctionName="none", AuthType="NONE")[1] == 404


@pytest.mark.proves("ListFunctionUrlConfigs")
def test_urls_of_a_function_are_listed_in_pages(sandbox: Sandbox) -> None:
    sandbox.create()
    client = sandbox.client()
    client.publish_version(FunctionName="hello")
    client.create_function_url_config(FunctionName="hello", AuthType="NONE")
    for name in ("b", "a"):
        client.create_alias(FunctionName="hello", Name=name, FunctionVersion="1")
        client.create_function_url_config(FunctionName="hello", Qualifier=name, AuthType="NONE")
    first = client.list_function_url_configs(FunctionName="hello", MaxItems=2)
    rest = client.list_function_url_configs(FunctionName="hello", Marker=first["NextMarker"])
    arns = [each["FunctionArn"] for answer in (first, rest) for each in answer["FunctionUrlConfigs"]]
    assert arns == [ARN, f"{ARN}:a", f"{ARN}:b"]


@pytest.mark.proves("UpdateFunctionUrlConfig")
def test_an_update_changes_what_it_names_and_replaces_the_cross_origin_rules(sandbox: Sandbox) -> None:
    sandbox.create()
    client = sandbox.client()
    made = client.create_function_url_config(FunctionName="hello", AuthType="NONE", Cors=CORS)
    assert made["Cors"] == CORS
    sandbox.clock.advance(5)
    updated = client.update_function_url_config(FunctionName="hello", AuthType="AWS_IAM")
    assert (updated["AuthType"], updated["Cors"]) == ("AWS_IAM", CORS)
    assert updated["LastModifiedTime"] > updated["CreationTime"] == made["CreationTime"]
    replaced = client.update_function_url_config(FunctionName="hello", Cors={"AllowOrigins": ["*"]})
    assert replaced["Cors"] == {"AllowOrigins": ["*"]}
    sandbox.reopen()
    url = sandbox.plane.function_url(made["FunctionUrl"].partition("//")[2].partition(".")[0])
    assert url is not None
    assert url.cors == Cors(allow_origins=("*",))
    assert "Cors" not in client.update_function_url_config(FunctionName="hello", Cors={})
    assert refused(client.update_function_url_config, FunctionName="none", AuthType="NONE")[1] == 404


@pytest.mark.parametrize(
    "cors",
    [
        {"AllowMethods": ["OPTIONS"]},
        {"AllowMethods": ["FETCH"]},
        {"MaxAge": 86_401},
        {"AllowOrigins": [f"https://{number}.example" for number in range(101)]},
        {"AllowMethods": ["GET"] * 7},
    ],
    ids=["OPTIONS", "unknown method", "more than a day", "101 origins", "seven methods"],
)
def test_cross_origin_rules_outside_their_limits_are_refused(sandbox: Sandbox, cors: dict[str, Any]) -> None:
    sandbox.create()
    call = sandbox.client().create_function_url_config
    assert refused(call, FunctionName="hello", AuthType="NONE", Cors=cors)[1] == 400


@pytest.mark.proves("DeleteFunctionUrlConfig")
def test_a_url_goes_alone_or_with_its_function(sandbox: Sandbox) -> None:
    sandbox.create()
    client = sandbox.client()
    client.create_function_url_config(FunctionName="hello", AuthType="NONE")
    deleted = client.delete_function_url_config(FunctionName="hello")
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(client.delete_function_url_config, FunctionName="hello")[1] == 404
    made = client.create_function_url_config(FunctionName="hello", AuthType="NONE")
    client.delete_function(FunctionName="hello")
    assert sandbox.plane.function_url(made["FunctionUrl"].partition("//")[2].partition(".")[0]) is None
