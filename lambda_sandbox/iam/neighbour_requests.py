"""What a request for a neighbour service needs permission for: S3, SQS, SNS, DynamoDB, RDS and the other common ones.

Source: Service Authorization Reference, the pages of these services, read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from lambda_sandbox.iam import rds_requests
from lambda_sandbox.iam.lambda_requests import Asked

Members = Mapping[str, Any]


def asked(
    service: str,
    method: str,
    target: str,
    headers: Mapping[bytes, bytes],
    body: bytes,
    account_id: str,
    region: str,
) -> Iterator[Asked]:
    """Yield the permissions that a request needs, none for a service that is neither S3 nor RDS nor among ``_RESOURCES``.

    S3's bucket must be in the path, not in the host's name. ``headers`` have lower-case names.
    """
    if service == "s3":
        yield from _s3(method, target, headers)
        return
    resources = _RESOURCES.get(service)
    if resources is None and service != "rds":
        return
    operation, members = _operation(target, headers, body)
    if not operation:
        return
    here = f"arn:aws:{service}:{region}:{account_id}"
    if resources is None:
        yield from rds_requests.asked(operation, members, here)
        return
    if operation in _TRANSACTIONS:
        yield from _transaction(members, here)
        return
    action = _ACTIONS.get(f"{service}:{operation}", f"{service}:{operation}")
    for resource in resources(operation, members, here):
        yield Asked(action, resource)


def _operation(target: str, headers: Mapping[bytes, bytes], body: bytes) -> tuple[str, dict[str, Any]]:
    """Return operation and members of a JSON or query request."""
    named = headers.get(b"x-amz-target", b"").decode("latin-1")
    if named:
        try:
            members = json.loads(body or b"{}")
        except ValueError:
            members = {}
        return named.rpartition(".")[2], members if isinstance(members, dict) else {}
    pairs = parse_qsl(target.partition("?")[2]) + parse_qsl(body.decode("utf-8", "replace"))
    form: dict[str, Any] = dict(pairs)
    return form.get("Action", ""), form


# --- S3 --------------------------------------------------------------------------------------------------

_S3_OBJECT = {
    "GET": "GetObject",
    "HEAD": "GetObject",
    "PUT": "PutObject",
    "POST": "PutObject",
    "DELETE": "DeleteObject",
}
_S3_BUCKET = {"GET": "ListBucket", "HEAD": "ListBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}
_S3_PARTS = {  # sub-resources of a bucket or an object, as their actions call them
    "acl": "Acl",
    "cors": "BucketCORS",
    "encryption": "EncryptionConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "notification": "BucketNotification",
    "policy": "BucketPolicy",
    "tagging": "Tagging",
    "versioning": "BucketVersioning",
    "website": "BucketWebsite",
}


def _s3(method: str, target: str, headers: Mapping[bytes, bytes]) -> Iterator[Asked]:
    path, _, query = target.partition("?")
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    if not bucket:
        yield Asked("s3:ListAllMyBuckets", "*")
        return
    arn = f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
    context = {"s3:prefix": (parameters["prefix"],)} if "prefix" in parameters else {}
    yield Asked(f"s3:{_s3_action(method, parameters, bool(key))}", arn, context)
    source = headers.get(b"x-amz-copy-source")
    if source and key:
        copied = unquote(source.decode("latin-1")).lstrip("/").partition("?")[0]
        yield Asked("s3:GetObject", f"arn:aws:s3:::{copied}")


def _s3_action(method: str, parameters: Mapping[str, str], of_object: bool) -> str:
    verb = {"GET": "Get", "HEAD": "Get", "PUT": "Put", "POST": "Put", "DELETE": "Delete"}.get(method, "Get")
    for part, name in _S3_PARTS.items():
        if part in parameters:
            if part in ("acl", "tagging"):
                name = f"{'Object' if of_object else 'Bucket'}{name}"
            return f"{'Put' if verb == 'Delete' and part in ('cors', 'lifecycle') else verb}{name}"
    if "uploadId" in parameters and method == "DELETE":
        return "AbortMultipartUpload"
    if "uploadId" in parameters and method == "GET":
        return "ListMultipartUploadParts"
    if "versions" in parameters:
        return "ListBucketVersions"
    if "location" in parameters:
        return "GetBucketLocation"
    if "delete" in parameters:
        return "DeleteObject"
    version = "Version" if "versionId" in parameters and verb in ("Get", "Delete") else ""
    if of_object:
        return _S3_OBJECT.get(method, "GetObject") + version
    return _S3_BUCKET.get(method, "ListBucket")


# AWS: operations on many messages have no actions of their own.
# Source: Amazon SQS Developer Guide, "Amazon SQS API permissions: Actions and resource reference", read 2026-11.
_ACTIONS = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sns:PublishBatch": "sns:Publish",
}


# --- the others ------------------------------------------------------------------------------------------


def _dynamodb(operation: str, members: Members, here: str) -> Iterator[str]:
    named = [members["TableName"]] if "TableName" in members else []
    named += list(members.get("RequestItems") or ())
    index = f"/index/{members['IndexName']}" if "IndexName" in members else ""
    for name in named:
        yield _table(name, here) + index
    if not named:
        yield str(members.get("StreamArn") or members.get("ResourceArn") or "*")


def _table(name: Any, here: str) -> str:
    return str(name) if str(name).startswith("arn:") else f"{here}:table/{name}"


# AWS: there is no action for a transaction; each of its parts needs what the same operation needs by itself.
# Source: DynamoDB Developer Guide, "Using IAM with DynamoDB transactions", read 2026-11.
_TRANSACTIONS = ("TransactWriteItems", "TransactGetItems")
_PARTS = {
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}


def _transaction(members: Members, here: str) -> Iterator[Asked]:
    needed = {
        (_PARTS[kind], _table(part["TableName"], here)): None
        for item in members.get("TransactItems") or ()
        for kind, part in item.items()
        if kind in _PARTS and isinstance(part, dict) and "TableName" in part
    }
    for operation, resource in needed:
        yield Asked(f"dynamodb:{operation}", resource)


def _sqs(operation: str, members: Members, here: str) -> Iterator[str]:
    if members.get("QueueUrl"):
        *_, account, name = str(members["QueueUrl"]).split("/")
        yield f"{':'.join(here.split(':')[:4])}:{account}:{name}"
    else:
        yield f"{here}:{members['QueueName']}" if members.get("QueueName") else "*"


def _sns(operation: str, members: Members, here: str) -> Iterator[str]:
    for member in ("TopicArn", "TargetArn", "ResourceArn", "SubscriptionArn"):
        if members.get(member):
            yield str(members[member])
            return
    yield f"{here}:{members['Name']}" if operation == "CreateTopic" and "Name" in members else "*"


def _kinesis(operation: str, members: Members, here: str) -> Iterator[str]:
    if members.get("StreamARN"):
        yield str(members["StreamARN"])
    else:
        yield f"{here}:stream/{members['StreamName']}" if members.get("StreamName") else "*"


def _events(operation: str, members: Members, here: str) -> Iterator[str]:
    if operation == "PutEvents":
        buses = {str(entry.get("EventBusName") or "default") for entry in members.get("Entries") or ()}
        for bus in sorted(buses):
            yield bus if bus.startswith("arn:") else f"{here}:event-bus/{bus}"
        return
    bus = str(members.get("EventBusName") or "default").rpartition("/")[2]
    within = "" if bus == "default" else f"{bus}/"
    name = members.get("Rule") or (members.get("Name") if operation.endswith("Rule") else None)
    if name:
        yield f"{here}:rule/{within}{name}"
    elif operation.endswith("EventBus") and members.get("Name"):
        yield f"{here}:event-bus/{str(members['Name']).rpartition('/')[2]}"
    else:
        yield "*"


def _logs(operation: str, members: Members, here: str) -> Iterator[str]:
    group = members.get("logGroupName")
    if not group:
        yield str(members.get("logGroupIdentifier") or members.get("resourceArn") or "*")
        return
    stream = members.get("logStreamName")
    # AWS: the group's ARN ends with :* where the action is on the group itself.
    yield f"{here}:log-group:{group}:log-stream:{stream}" if stream else f"{here}:log-group:{group}:*"


def _secretsmanager(operation: str, members: Members, here: str) -> Iterator[str]:
    secret = members.get("SecretId") or members.get("Name")
    if not secret:
        yield "*"
    elif str(secret).startswith("arn:"):
        yield str(secret)
    else:
        # DIFFERS: for a request that names a secret by its name, policies see an ARN that ends in ``-AbCdEf`` and not in the secret's
        # own six characters. Write ``-??????`` in the policy, which fits both.
        yield f"{here}:secret:{secret}-AbCdEf"


def _iam(operation: str, members: Members, here: str) -> Iterator[str]:
    account = here.rpartition(":")[2]
    if members.get("PolicyArn") and not operation.startswith(("Attach", "Detach")):
        yield str(members["PolicyArn"])
        return
    for member, kind in (
        ("UserName", "user"),
        ("RoleName", "role"),
        ("GroupName", "group"),
        ("PolicyName", "policy"),
    ):
        if members.get(member):
            yield f"arn:aws:iam::{account}:{kind}/{members[member]}"
            return
    yield "*"


def _sts(operation: str, members: Members, here: str) -> Iterator[str]:
    if operation not in ("GetCallerIdentity", "AssumeRoleWithWebIdentity", "AssumeRoleWithSAML"):
        yield str(members.get("RoleArn") or "*")  # the three need no permission of the caller's


# DIFFERS: policies decide on requests for Lambda, S3, DynamoDB, SQS, SNS, Kinesis, EventBridge, CloudWatch Logs, Secrets Manager, IAM,
# STS and RDS. A request for another service, such as the Parameter Store, is let through if its signature is right: write its
# statements all the same, for AWS asks.
_RESOURCES: dict[str, Callable[[str, Members, str], Iterator[str]]] = {
    "dynamodb": _dynamodb,
    "sqs": _sqs,
    "sns": _sns,
    "kinesis": _kinesis,
    "events": _events,
    "logs": _logs,
    "secretsmanager": _secretsmanager,
    "iam": _iam,
    "sts": _sts,
}
