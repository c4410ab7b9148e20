from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from .conftest import Sandbox

ARN = "arn:aws:lambda:us-east-1:000000000000:function:hello"


@pytest.mark.proves("TagResource")
@pytest.mark.proves("UntagResource")
@pytest.mark.proves("ListTags")
def test_tags_are_added_replaced_listed_and_removed(sandbox: Sandbox) -> None:
    sandbox.create(Tags={"team": "a"})
    client = sandbox.client()
    answer = client.tag_resource(Resource=ARN, Tags={"team": "b", "stage": "dev", "über": "ü 1/2"})
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert client.list_tags(Resource=ARN)["Tags"] == {"team": "b", "stage": "dev", "über": "ü 1/2"}
    client.untag_resource(Resource=ARN, TagKeys=["team", "über", "never there"])
    assert client.list_tags(Resource=ARN)["Tags"] == {"stage": "dev"}
    sandbox.reopen()
    assert client.list_tags(Resource=ARN)["Tags"] == {"stage": "dev"}


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        (ARN.replace("hello", "nope"), "ResourceNotFoundException"),
        (f"{ARN}:live", "InvalidParameterValueException"),
        ("arn:aws:something", "ValidationException"),
        (f"{ARN.rsplit(':', 2)[0]}:code-signing-config:csc-{'0' * 17}", "ResourceNotFoundException"),
        (f"{ARN.rsplit(':', 2)[0]}:capacity-provider:fleet", "ResourceNotFoundException"),
        (f"{ARN.rsplit(':', 2)[0]}:layer:l:1", "ValidationException"),
        (
            f"{ARN.rsplit(':', 2)[0]}:event-source-mapping:00000000-0000-0000-0000-000000000000",
            "ResourceNotFoundException",
        ),
    ],
    ids=[
        "missing function",
        "qualified",
        "no ARN",
        "missing code signing",
        "missing provider",
        "layer",
        "missing mapping",
    ],
)
def test_resource_without_tags_is_refused(sandbox: Sandbox, arn: str, code: str) -> None:
    sandbox.create()
    with pytest.raises(ClientError) as error:
        sandbox.client().list_tags(Resource=arn)
    assert error.value.response["Error"]["Code"] == code


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({f"k{number}": "" for number in range(50)}, "InvalidParameterValueException"),
        ({"k" * 129: ""}, "ValidationException"),
        ({"k": "v" * 257}, "ValidationException"),
        ({"aws:k": ""}, "InvalidParameterValueException"),
        ({"k!": ""}, "ValidationException"),
    ],
    ids=["51 in all", "long key", "long value", "reserved", "bad character"],
)
def test_tags_that_aws_refuses_are_refused_and_none_is_stored(
    sandbox: Sandbox, tags: dict[str, str], code: str
) -> None:
    sandbox.create(Tags={"one": "1"})
    client = sandbox.client()
    with pytest.raises(ClientError) as error:
        client.tag_resource(Resource=ARN, Tags=tags)
    assert error.value.response["Error"]["Code"] == code
    assert client.list_tags(Resource=ARN)["Tags"] == {"one": "1"}


def test_tags_of_a_mapping_go_with_it(sandbox: Sandbox) -> None:
    sandbox.create()
    client = sandbox.client()
    queue = "arn:aws:sqs:us-east-1:000000000000:jobs"
    made = client.create_event_source_mapping(FunctionName="hello", EventSourceArn=queue, Tags={"a": "1"})
    arn = made["EventSourceMappingArn"]
    client.tag_resource(Resource=arn, Tags={"b": "2"})
    client.untag_resource(Resource=arn, TagKeys=["a"])
    assert client.list_tags(Resource=arn)["Tags"] == {"b": "2"}
    client.delete_event_source_mapping(UUID=made["UUID"])
    with pytest.raises(ClientError) as error:
        client.list_tags(Resource=arn)
    assert error.value.response["Error"]["Code"] == "ResourceNotFoundException"
