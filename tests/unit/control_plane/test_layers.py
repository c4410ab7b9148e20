"""Layers: immutable versions, lists, permissions and what functions take of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lambda_sandbox.config import Config
from lambda_sandbox.control_plane import layer_versions
from lambda_sandbox.control_plane.code import CodeStore
from lambda_sandbox.control_plane.layers import references
from lambda_sandbox.control_plane.plane import ControlPlane
from lambda_sandbox.control_plane.store import Store
from lambda_sandbox.errors import AccessDeniedException, ApiError, InvalidParameterValueException
from lambda_sandbox.resources import Caller
from tests.refusals import refused
from tests.unit.control_plane.conftest import CALLER, Sandbox, make_zip

OTHER = Caller("111111111111", "us-east-1")
ARN = "arn:aws:lambda:us-east-1:000000000000:layer"


def publish(sandbox: Sandbox, name: str = "tools", text: str = "one", **settings: Any) -> dict[str, Any]:
    content = {"ZipFile": make_zip({"python/tool.py": text})}
    answer: dict[str, Any] = sandbox.client().publish_layer_version(
        LayerName=name, Content=content, **settings
    )
    return answer


@pytest.mark.proves("PublishLayerVersion")
def test_publish_answers_with_the_new_version_and_its_package(sandbox: Sandbox) -> None:
    package = make_zip({"python/tool.py": "one"})
    answer = publish(
        sandbox,
        Description="tools",
        LicenseInfo="MIT",
        CompatibleRuntimes=["python3.12"],
        CompatibleArchitectures=["arm64"],
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert answer["LayerArn"] == f"{ARN}:tools"
    assert answer["LayerVersionArn"] == f"{ARN}:tools:1"
    assert answer["Version"] == 1
    assert answer["Content"]["CodeSize"] == len(package)
    assert (answer["Description"], answer["LicenseInfo"]) == ("tools", "MIT")
    assert (answer["CompatibleRuntimes"], answer["CompatibleArchitectures"]) == (["python3.12"], ["arm64"])
    assert answer["CreatedDate"].endswith("+0000")
    token = answer["Content"]["Location"].rpartition("/")[2]
    assert sandbox.plane.code_zip(token) == package


def test_publish_reads_a_package_from_s3(sandbox: Sandbox) -> None:
    sandbox.objects["bucket", "layer.zip", None] = make_zip({"python/tool.py": "from s3"})
    content = {"S3Bucket": "bucket", "S3Key": "layer.zip"}
    answer = sandbox.client().publish_layer_version(LayerName="tools", Content=content)
    folder = sandbox.plane.code.directory(answer["Content"]["CodeSha256"])
    assert (folder / "python" / "tool.py").read_text() == "from s3"


def test_publish_refuses_what_is_no_zip(sandbox: Sandbox) -> None:
    call = sandbox.client().publish_layer_version
    assert refused(call, LayerName="tools", Content={"ZipFile": b"no zip"})[:2] == (
        "InvalidParameterValueException",
        400,
    )
    assert refused(call, LayerName="tools", Content={})[0] == "InvalidParameterValueException"


def test_numbers_of_deleted_versions_are_not_given_out_again(sandbox: Sandbox) -> None:
    publish(sandbox)
    publish(sandbox)
    sandbox.client().delete_layer_version(LayerName="tools", VersionNumber=2)
    sandbox.reopen()
    assert publish(sandbox)["Version"] == 3


@pytest.mark.proves("GetLayerVersion")
@pytest.mark.proves("GetLayerVersionByArn")
def test_a_version_is_read_by_name_by_layer_arn_and_by_its_own_arn(sandbox: Sandbox) -> None:
    publish(sandbox, Description="first")
    client = sandbox.client()
    by_name = client.get_layer_version(LayerName="tools", VersionNumber=1)
    by_layer_arn = client.get_layer_version(LayerName=f"{ARN}:tools", VersionNumber=1)
    by_arn = client.get_layer_version_by_arn(Arn=f"{ARN}:tools:1")
    for answer in (by_name, by_layer_arn, by_arn):
        assert (answer["LayerVersionArn"], answer["Description"]) == (f"{ARN}:tools:1", "first")
        assert "CompatibleRuntimes" not in answer


def test_a_version_that_is_not_there_is_not_found(sandbox: Sandbox) -> None:
    call = sandbox.client().get_layer_version
    missing = ("ResourceNotFoundException", 404, "The resource you requested does not exist.")
    assert refused(call, LayerName="tools", VersionNumber=1) == missing
    assert refused(call, LayerName="tools", VersionNumber=0)[0] == "InvalidParameterValueException"


@pytest.mark.proves("DeleteLayerVersion")
def test_deleting_removes_the_version_and_deleting_again_succeeds(sandbox: Sandbox) -> None:
    publish(sandbox)
    client = sandbox.client()
    for _ in range(2):
        answer = client.delete_layer_version(LayerName="tools", VersionNumber=1)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(client.get_layer_version, LayerName="tools", VersionNumber=1)[1] == 404
    assert client.list_layers()["Layers"] == []


@pytest.mark.proves("ListLayers")
def test_layers_are_listed_with_their_newest_version_that_matches(sandbox: Sandbox) -> None:
    publish(sandbox, "a", CompatibleRuntimes=["python3.12"], CompatibleArchitectures=["x86_64"])
    publish(sandbox, "a", CompatibleRuntimes=["python3.13"])
    publish(sandbox, "b", CompatibleArchitectures=["arm64"])
    client = sandbox.client()

    def listed(**filters: str) -> list[str]:
        layers = client.list_layers(**filters)["Layers"]
        return [each["LatestMatchingVersion"]["LayerVersionArn"].rpartition("layer:")[2] for each in layers]

    assert listed() == ["a:2", "b:1"]
    assert listed(CompatibleRuntime="python3.12") == ["a:1"]
    assert listed(CompatibleArchitecture="arm64") == ["b:1"]
    first = client.list_layers(MaxItems=1)
    assert [each["LayerName"] for each in first["Layers"]] == ["a"]
    assert [each["LayerName"] for each in client.list_layers(Marker=first["NextMarker"])["Layers"]] == ["b"]


@pytest.mark.proves("ListLayerVersions")
def test_versions_are_listed_newest_first_and_in_pages(sandbox: Sandbox) -> None:
    for _ in range(11):
        publish(sandbox)
    client = sandbox.client()
    first = client.list_layer_versions(LayerName="tools", MaxItems=4)
    rest = client.list_layer_versions(LayerName="tools", Marker=first["NextMarker"])
    numbers = [each["Version"] for answer in (first, rest) for each in answer["LayerVersions"]]
    assert numbers == list(range(11, 0, -1))
    assert "NextMarker" not in rest
    assert client.list_layer_versions(LayerName="nothing")["LayerVersions"] == []


@pytest.mark.proves("AddLayerVersionPermission")
@pytest.mark.proves("GetLayerVersionPolicy")
def test_a_permission_is_written_as_aws_writes_it(sandbox: Sandbox) -> None:
    publish(sandbox)
    client = sandbox.client()
    target = {"LayerName": "tools", "VersionNumber": 1}
    answer = client.add_layer_version_permission(
        **target, StatementId="xaccount", Action="lambda:GetLayerVersion", Principal="111111111111"
    )
    statement = (
        '{"Sid":"xaccount","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},'
        f'"Action":"lambda:GetLayerVersion","Resource":"{ARN}:tools:1"}}'
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert answer["Statement"] == statement
    policy = client.get_layer_version_policy(**target)
    assert policy["Policy"] == f'{{"Version":"2012-10-17","Id":"default","Statement":[{statement}]}}'
    assert policy["RevisionId"] == answer["RevisionId"]


@pytest.mark.proves("RemoveLayerVersionPermission")
def test_permissions_are_removed_one_by_one_and_held_to_their_revision(sandbox: Sandbox) -> None:
    publish(sandbox)
    client = sandbox.client()
    target = {"LayerName": "tools", "VersionNumber": 1}
    allow = {**target, "Action": "lambda:GetLayerVersion", "Principal": "*"}
    first = client.add_layer_version_permission(**allow, StatementId="a", OrganizationId="o-0123456789")
    assert '"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-0123456789"}}' in first["Statement"]
    assert refused(client.add_layer_version_permission, **allow, StatementId="a")[:2] == (
        "ResourceConflictException",
        409,
    )
    stale = refused(client.add_layer_version_permission, **allow, StatementId="b", RevisionId="stale")
    assert stale[:2] == ("PreconditionFailedException", 412)
    missing = refused(client.remove_layer_version_permission, **target, StatementId="c")
    assert missing[:2] == ("ResourceNotFoundException", 404)
    removed = client.remove_layer_version_permission(
        **target, StatementId="a", RevisionId=first["RevisionId"]
    )
    assert removed["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(client.get_layer_version_policy, **target)[1] == 404


def test_another_account_reads_a_layer_only_with_permission(sandbox: Sandbox) -> None:
    publish(sandbox)
    stranger = sandbox.client(OTHER)
    arn = f"{ARN}:tools:1"
    code, status, message = refused(stranger.get_layer_version_by_arn, Arn=arn)
    assert (code, status) == ("AccessDeniedException", 403)
    assert message == (
        "User: arn:aws:iam::111111111111:root is not authorized to perform: lambda:GetLayerVersion on resource: "
        f"{arn} because no resource-based policy allows the lambda:GetLayerVersion action"
    )
    sandbox.client().add_layer_version_permission(
        LayerName="tools",
        VersionNumber=1,
        StatementId="all",
        Action="lambda:GetLayerVersion",
        Principal="*",
    )
    assert stranger.get_layer_version_by_arn(Arn=arn)["Version"] == 1
    assert stranger.list_layers()["Layers"] == []


def reference_error(sandbox: Sandbox, arns: list[str], caller: Caller = CALLER) -> ApiError:
    with pytest.raises(ApiError) as caught:
        references(sandbox.plane.context, arns, caller)
    return caught.value


def test_a_function_takes_its_layers_in_the_order_given(sandbox: Sandbox) -> None:
    arns = [publish(sandbox, name)["LayerVersionArn"] for name in ("b", "a")]
    assert [each.arn for each in references(sandbox.plane.context, arns, CALLER)] == arns


def test_a_function_is_refused_layers_that_it_cannot_use(sandbox: Sandbox) -> None:
    arns = [publish(sandbox, f"layer{number}")["LayerVersionArn"] for number in range(6)]
    assert "more than 5 layers" in str(reference_error(sandbox, arns))
    twice = str(reference_error(sandbox, [arns[0], arns[0]]))
    assert twice.startswith("Two different versions of the same layer are not allowed")
    gone = reference_error(sandbox, [f"{ARN}:none:1"])
    assert isinstance(gone, InvalidParameterValueException)
    assert str(gone) == f"Layer version {ARN}:none:1 does not exist."
    assert isinstance(reference_error(sandbox, arns[:1], OTHER), AccessDeniedException)
    elsewhere = reference_error(sandbox, arns[:1], Caller(CALLER.account_id, "eu-west-1"))
    assert "not in the same region" in str(elsewhere)


def test_layers_and_code_together_stay_below_250_mb(sandbox: Sandbox) -> None:
    heavy = {"big.bin": "0" * (130 * 1024 * 1024)}
    layer = sandbox.client().publish_layer_version(LayerName="heavy", Content={"ZipFile": make_zip(heavy)})
    code_sha256 = sandbox.plane.code.put(make_zip(heavy | {"x": "x"}))
    with pytest.raises(InvalidParameterValueException) as caught:
        references(sandbox.plane.context, [layer["LayerVersionArn"]], CALLER, code_sha256)
    assert str(caught.value) == (
        "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. "
        f"The actual size is {2 * 130 * 1024 * 1024 + 1} bytes."
    )


def test_packages_of_layers_survive_a_restart_and_deleted_ones_do_not(sandbox: Sandbox) -> None:
    kept, dropped = publish(sandbox, "kept", "k"), publish(sandbox, "dropped", "d")
    sandbox.client().delete_layer_version(LayerName="dropped", VersionNumber=1)
    sandbox.reopen()
    assert sandbox.plane.code.package(kept["Content"]["CodeSha256"]) is not None
    assert sandbox.plane.code.package(dropped["Content"]["CodeSha256"]) is None
    assert layer_versions.find(sandbox.plane.store, kept["LayerVersionArn"]) is not None


@pytest.mark.proves("CreateFunction")
def test_a_function_keeps_a_layer_version_that_was_deleted(sandbox: Sandbox) -> None:
    layer = publish(sandbox)
    sandbox.create(Layers=[layer["LayerVersionArn"]])
    sandbox.client().delete_layer_version(LayerName="tools", VersionNumber=1)
    sandbox.reopen()
    shown = sandbox.client().get_function_configuration(FunctionName="hello")["Layers"]
    assert [each["Arn"] for each in shown] == [layer["LayerVersionArn"]]
    assert sandbox.plane.code.package(layer["Content"]["CodeSha256"]) is not None


def test_layers_count_in_the_accounts_code_storage(sandbox: Sandbox) -> None:
    size = len(make_zip({"python/tool.py": "one"}))
    sandbox.plane.close()
    sandbox.plane = ControlPlane(
        replace(sandbox.plane.context, **sandbox_parts(sandbox, code_storage_bytes=2 * size))
    )
    publish(sandbox, "a")
    publish(sandbox, "b")
    answer = refused(
        sandbox.client().publish_layer_version,
        LayerName="c",
        Content={"ZipFile": make_zip({"python/tool.py": "one"})},
    )
    assert answer[:2] == ("CodeStorageExceededException", 400)
    usage = sandbox.client().get_account_settings()["AccountUsage"]
    assert usage["TotalCodeSize"] == 2 * size
    sandbox.client().delete_layer_version(LayerName="a", VersionNumber=1)
    assert publish(sandbox, "c")["Version"] == 1


def sandbox_parts(sandbox: Sandbox, **settings: Any) -> dict[str, Any]:
    """Return a context's parts over the sandbox's folder, with other settings."""
    return {
        "config": Config(state=sandbox.folder, **settings),
        "store": Store(sandbox.folder),
        "code": CodeStore(sandbox.folder),
    }
