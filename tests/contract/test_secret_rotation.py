"""A secret is rotated by its function in four steps, each after the one before, and only with its permission."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import Server
from tests.contract.trigger_stage import Queue

# What AWS's templates of rotation functions do, and a report of each step.
ROTATE = """
import json, os, time, boto3
secrets, sqs = boto3.client("secretsmanager"), boto3.client("sqs")
def handler(event, context):
    arn, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    if step == os.environ.get("FAILS_AT"):
        sqs.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(f"fails at {step}"))
        raise RuntimeError(step)
    if step == "createSecret":
        time.sleep(0.3)  # the others would overtake it
        try:
            secrets.get_secret_value(SecretId=arn, VersionId=token, VersionStage="AWSPENDING")
        except secrets.exceptions.ResourceNotFoundException:
            secrets.put_secret_value(
                SecretId=arn, ClientRequestToken=token, SecretString="new", VersionStages=["AWSPENDING"]
            )
    if step == "finishSecret":
        stages = secrets.describe_secret(SecretId=arn)["VersionIdsToStages"]
        (old,) = [version for version, names in stages.items() if "AWSCURRENT" in names]
        secrets.update_secret_version_stage(
            SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=old
        )
        secrets.update_secret_version_stage(SecretId=arn, VersionStage="AWSPENDING", RemoveFromVersionId=token)
    seen = secrets.get_secret_value(SecretId=arn)["SecretString"]
    sqs.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps([step, arn, token, seen]))
"""


def rotating(server: Server, name: str, **variables: str) -> tuple[str, Queue]:
    """Return a function that rotates, which Secrets Manager may call, and the queue that it reports to."""
    steps = Queue(server, f"{name}-steps")
    arn = server.deploy(
        name,
        ROTATE,
        invoked_by="secretsmanager",
        Timeout=30,
        MemorySize=512,
        Environment={"Variables": {"QUEUE": steps.url, **variables}},
    )
    return arn, steps


def test_four_steps_run_one_after_another_and_the_value_is_the_old_one_until_the_last(server: Server) -> None:
    secrets = server.client("secretsmanager")
    arn = secrets.create_secret(Name="database", SecretString="old")["ARN"]
    function, steps = rotating(server, "rotate")
    token = secrets.rotate_secret(
        SecretId="database", RotationLambdaARN=function, RotationRules={"AutomaticallyAfterDays": 30}
    )["VersionId"]
    assert secrets.get_secret_value(SecretId="database")["SecretString"] == "old"
    with pytest.raises(ClientError, match="A previous rotation isn't complete"):
        secrets.rotate_secret(SecretId="database")
    assert [steps.body() for _ in range(4)] == [
        ["createSecret", arn, token, "old"],
        ["setSecret", arn, token, "old"],
        ["testSecret", arn, token, "old"],
        ["finishSecret", arn, token, "new"],
    ]
    assert secrets.get_secret_value(SecretId="database")["VersionId"] == token
    # The function that was given once is the secret's from then on.
    again = secrets.rotate_secret(SecretId="database")["VersionId"]
    assert [steps.body()[2] for _ in range(4)] == [again] * 4


def test_step_that_fails_ends_the_rotation(server: Server) -> None:
    secrets = server.client("secretsmanager")
    secrets.create_secret(Name="stuck", SecretString="old")
    function, steps = rotating(server, "rotate-badly", FAILS_AT="setSecret")
    secrets.rotate_secret(SecretId="stuck", RotationLambdaARN=function)
    assert steps.body()[0] == "createSecret"
    assert steps.body() == "fails at setSecret"
    assert secrets.get_secret_value(SecretId="stuck")["SecretString"] == "old"
    sqs = server.client("sqs")
    assert "Messages" not in sqs.receive_message(QueueUrl=steps.url, WaitTimeSeconds=2)


def test_rotation_asks_for_a_function_and_for_its_permission(server: Server) -> None:
    secrets = server.client("secretsmanager")
    secrets.create_secret(Name="lonely", SecretString="old")
    with pytest.raises(ClientError, match="No Lambda rotation function ARN") as refused:
        secrets.rotate_secret(SecretId="lonely")
    assert refused.value.response["Error"]["Code"] == "InvalidRequestException"
    function = server.deploy("not-permitted", "def handler(event, context): pass")
    with pytest.raises(
        ClientError, match="Secrets Manager cannot invoke the specified Lambda function"
    ) as refused:
        secrets.rotate_secret(SecretId="lonely", RotationLambdaARN=function)
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    assert "RotationLambdaARN" not in secrets.describe_secret(SecretId="lonely")
