"""The table of resource types beside the model of the API: what a stack may say is what an operation takes."""

from __future__ import annotations

import pytest

from lambda_sandbox.gateway.model import LambdaModel
from lambda_sandbox.services.cloudformation.invoking import RESOURCES
from lambda_sandbox.services.cloudformation.lambda_api import connect
from lambda_sandbox.services.cloudformation.resource import Resource, members_of

MODEL = LambdaModel.load()
# Operations whose input members a type's properties are; the rest are set by operations or rules of their own.
OPERATIONS = {
    "AWS::Lambda::Function": ("CreateFunction",),
    "AWS::Lambda::Version": ("PublishVersion",),
    "AWS::Lambda::Alias": ("CreateAlias",),
    "AWS::Lambda::LayerVersion": ("PublishLayerVersion",),
    "AWS::Lambda::LayerVersionPermission": ("AddLayerVersionPermission",),
    "AWS::Lambda::Permission": ("AddPermission",),
    "AWS::Lambda::Url": ("CreateFunctionUrlConfig",),
    "AWS::Lambda::EventSourceMapping": ("CreateEventSourceMapping",),
    "AWS::Lambda::EventInvokeConfig": ("PutFunctionEventInvokeConfig",),
    "AWS::Lambda::CodeSigningConfig": ("CreateCodeSigningConfig",),
}
APART = {
    "KmsKeyArn",
    "LayerVersionArn",
    "ProvisionedConcurrencyConfig",
    "RecursiveLoop",
    "ReservedConcurrentExecutions",
    "RuntimeManagementConfig",
    "RuntimePolicy",
    "TargetFunctionArn",
}


@pytest.mark.parametrize("kind", RESOURCES, ids=lambda kind: str(kind.TYPE))
def test_every_property_is_a_member_of_the_operation_that_creates(kind: type[Resource]) -> None:
    members = {
        name
        for operation in OPERATIONS[kind.TYPE]
        for name in MODEL.members(MODEL.operations[operation].input)
    }
    assert members >= (kind.FIXED | kind.KNOWN) - APART


@pytest.mark.parametrize("kind", RESOURCES, ids=lambda kind: str(kind.TYPE))
def test_a_property_is_either_fixed_or_can_be_changed(kind: type[Resource]) -> None:
    assert not kind.FIXED & kind.KNOWN


def test_key_of_kms_has_the_name_that_the_operation_knows() -> None:
    api = connect("http://127.0.0.1:1", "000000000000", "us-east-1")
    given = {"KmsKeyArn": "arn:aws:kms:::key", "Timeout": "3", "Tags": []}
    configuration = members_of(api, "UpdateFunctionConfiguration", given)
    assert configuration == {"KMSKeyArn": "arn:aws:kms:::key", "Timeout": "3"}


def test_property_that_the_type_does_not_have_is_refused_by_name() -> None:
    function = next(kind for kind in RESOURCES if kind.TYPE == "AWS::Lambda::Function")
    with pytest.raises(
        ValueError, match=r"extraneous key \[Memory\] is not permitted in AWS::Lambda::Function"
    ):
        function.create_from_cloudformation_json(
            "f", {"Properties": {"Memory": 128}}, "000000000000", "us-east-1"
        )
