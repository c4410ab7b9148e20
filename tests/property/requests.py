"""Requests made from the shapes of the service model: ones that could work, and ones with a member that cannot."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

from lambda_sandbox.gateway.model import LambdaModel
from tests.unit.control_plane.conftest import ROLE, make_zip

MODEL = LambdaModel.load()
SEQUENCE = 40  # requests in the life of one sandbox
ACCOUNT = "arn:aws:lambda:us-east-1:000000000000"
# Operations that run code answer elsewhere; the control plane answers the rest.
RUNNING = {"Invoke", "InvokeAsync", "InvokeWithResponseStream"}
OPERATIONS = sorted(set(MODEL.operations) - RUNNING)
_CREATING = [
    name for name in OPERATIONS if name.startswith(("Create", "Publish", "Put", "Add", "Update", "Tag"))
]
_ZIP = base64.b64encode(make_zip({"app.py": "def handler(e, c): return e"})).decode()
_OTHER_ZIP = base64.b64encode(make_zip({"app.py": "def handler(e, c): return 2"})).decode()
_QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
_STREAM = "arn:aws:kinesis:us-east-1:000000000000:stream/s"

# What a member could hold so that the request means something: few names, so that requests meet each other's resources.
# A text that starts with "@" is filled in with what earlier answers held.
_FUNCTIONS = [
    *("f", "g") * 5,
    "missing",
    "f:1",
    "f:live",
    f"{ACCOUNT}:function:f",
    f"{ACCOUNT}:function:g:live",
    "000000000000:function:f",
]
_SIGNER = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/abcdefghij"
# Members that a request needs together to mean something; each value is one of a pool.
_RECIPES: dict[str, dict[str, list[Any]]] = {
    "AddLayerVersionPermission": {"Action": ["lambda:GetLayerVersion"], "Principal": ["*", "111122223333"]},
    "CreateAlias": {"FunctionName": ["f", "g"], "FunctionVersion": ["1", "2"]},
    "CreateCapacityProvider": {
        "VpcConfig": [{"SubnetIds": ["subnet-01"], "SecurityGroupIds": ["sg-01"]}],
        "PermissionsConfig": [{"CapacityProviderOperatorRoleArn": ROLE}],
        "CapacityProviderName": ["pool", "other"],
    },
    "CreateCodeSigningConfig": {"AllowedPublishers": [{"SigningProfileVersionArns": [_SIGNER]}]},
    "CreateEventSourceMapping": {
        "FunctionName": ["f", "g", "f:live"],
        "EventSourceArn": [_QUEUE, f"{_QUEUE}2"],
    },
    "CreateFunction": {
        "FunctionName": ["f", "g", "h", "k"],
        "Runtime": ["python3.12", "python3.13"],
        "Handler": ["app.handler"],
        "Code": [{"ZipFile": _ZIP}],
    },
    "CreateFunctionUrlConfig": {"FunctionName": ["f", "g"], "AuthType": ["NONE", "AWS_IAM"]},
    "PublishLayerVersion": {"Content": [{"ZipFile": _ZIP}], "LayerName": ["tools", "data"]},
    "PutFunctionEventInvokeConfig": {"FunctionName": ["f", "g"], "MaximumRetryAttempts": [0, 1, 2]},
    "PutProvisionedConcurrencyConfig": {"FunctionName": ["f", "g"], "Qualifier": ["1", "live"]},
    "UpdateFunctionCode": {"FunctionName": ["f", "g"], "ZipFile": [_ZIP, _OTHER_ZIP]},
}


_POOLS: dict[str, list[Any]] = {
    "FunctionName": _FUNCTIONS,
    "TargetFunctionArn": _FUNCTIONS,
    "Qualifier": ["$LATEST", "1", "2", "live", "next", "7"],
    "FunctionVersion": ["1", "2", "$LATEST", "9", "live"],
    "AdditionalVersionWeights": [{"1": 0.5}, {"2": 0.25}, {"1": 0.0}, {"9": 0.1}, {}],
    "LayerName": ["tools", "data", f"{ACCOUNT}:layer:tools", "missing"],
    "VersionNumber": [1, 2, 9],
    "Layers": [[], [f"{ACCOUNT}:layer:tools:1"], [f"{ACCOUNT}:layer:data:1", f"{ACCOUNT}:layer:tools:2"]],
    "Arn": [f"{ACCOUNT}:layer:tools:1", f"{ACCOUNT}:layer:data:9"],
    "UUID": ["@uuid", "@uuid", "12345678-1234-1234-1234-123456789012"],
    "CodeSigningConfigArn": ["@signing", f"{ACCOUNT}:code-signing-config:csc-0123456789abcdef0"],
    "RevisionId": ["@revision", "stale"],
    "Marker": ["@marker", "bm90IGEgbWFya2Vy", ""],
    "Resource": [f"{ACCOUNT}:function:f", "@mapping", "@signing", f"{ACCOUNT}:function:missing"],
    "EventSourceArn": [
        _QUEUE,
        _STREAM,
        f"{_QUEUE}.fifo",
        "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/x",
    ],
    "ResourceArn": [f"{ACCOUNT}:function:f", f"{ACCOUNT}:function:g", f"{ACCOUNT}:function:missing"],
    "CapacityProviderName": ["pool", "other", "missing"],
    "StatementId": ["one", "two", "url"],
    "Principal": ["s3.amazonaws.com", "111122223333", "*", "arn:aws:iam::111122223333:root"],
    "Action": ["lambda:InvokeFunction", "lambda:InvokeFunctionUrl", "lambda:GetLayerVersion"],
    "Role": [ROLE],
    "ZipFile": [_ZIP, _OTHER_ZIP, base64.b64encode(b"no zip").decode()],
    "Runtime": ["python3.12", "python3.13", "nodejs22.x"],
    "Handler": ["app.handler", "index.handler"],
    "TagKeys": [["a"], ["a", "b"], ["missing"]],
    "Tags": [{"a": "1"}, {"a": "2", "b": ""}, {}],
    "MaxItems": [1, 2, 50],
    "SourceArn": ["arn:aws:s3:::bucket", _QUEUE],
    "Destination": [_QUEUE, f"{ACCOUNT}:function:g"],
    "Variables": [{}, {"KEY": "value"}],
    "SubnetIds": [[]],
    "SecurityGroupIds": [[]],
    "BatchSize": [1, 10, 100],
}
_JUNK = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        1.5,
        2**40,
        10**30,
        "",
        " ",
        "a b",
        "x" * 300,
        "é\u0000",
        "😀",
        "../..",
        "%2F",
        "$LATEST",
        [],
        {},
        ["x"],
        [None],
        {"a": None},
        {"": []},
        [[]],
        [{}],
    ]
)


@dataclass(frozen=True, slots=True)
class Wire:
    """One request as it crosses the wire; texts that start with ``@`` are still to be filled in."""

    operation: str
    params: Mapping[str, Any]
    valid: bool


@st.composite
def requests(draw: st.DrawFn) -> Wire:
    """Draw an operation, then its members: all required ones, some optional ones, in one of four with junk."""
    operation = draw(st.sampled_from(_CREATING if draw(st.booleans()) else OPERATIONS))
    valid = draw(st.integers(0, 3)) > 0
    shape = MODEL.operations[operation].input
    params = draw(_structure(shape, plain=draw(st.booleans()))) if shape else {}
    if draw(st.integers(0, 4)):
        params.pop("RevisionId", None)
        params |= {name: draw(st.sampled_from(pool)) for name, pool in _RECIPES.get(operation, {}).items()}
    if not valid:
        params = _spoiled(draw, params)
    return Wire(operation, params, valid)


def _spoiled(draw: st.DrawFn, value: Any) -> Any:
    """Put junk in the place of one member, at any depth."""
    if isinstance(value, dict) and value:
        name = draw(st.sampled_from(sorted(value)))
        return {**value, name: _deeper(draw, value[name])}
    if isinstance(value, list) and value:
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], _deeper(draw, value[at]), *value[at + 1 :]]
    return value


def _deeper(draw: st.DrawFn, value: Any) -> Any:
    inside = isinstance(value, dict | list) and value and draw(st.booleans())
    return _spoiled(draw, value) if inside else draw(_JUNK)


@cache
def _structure(name: str, plain: bool = False) -> st.SearchStrategy[dict[str, Any]]:
    shape = MODEL.shapes[name]
    members = {member: _member(member, described["shape"]) for member, described in shape["members"].items()}
    required = {member: members[member] for member in shape.get("required", ())}
    optional = {member: value for member, value in members.items() if member not in required and not plain}
    return _some(required, optional)


@st.composite
def _some(draw: st.DrawFn, required: dict[str, Any], optional: dict[str, Any]) -> dict[str, Any]:
    """Few optional members at a time: with all of them nearly every request would be refused for one."""
    chosen = draw(st.lists(st.sampled_from(sorted(optional)), max_size=3, unique=True)) if optional else []
    return {
        member: draw(strategy)
        for member, strategy in [*required.items(), *((name, optional[name]) for name in chosen)]
    }


def _member(member: str, shape: str) -> st.SearchStrategy[Any]:
    if member in _POOLS and MODEL.shapes[shape]["type"] != "structure":
        return st.sampled_from(_POOLS[member])
    if member == "Name":
        return st.sampled_from(["live", "next", "$LATEST", "7", "pool"])
    if member == "Code":
        return st.sampled_from(
            [{"ZipFile": _ZIP}, {"ZipFile": _OTHER_ZIP}, {}, {"S3Bucket": "b", "S3Key": "k"}]
        )
    return st.deferred(lambda: _value(shape))


@cache
def _value(name: str) -> st.SearchStrategy[Any]:
    shape = MODEL.shapes[name]
    kind = shape["type"]
    if kind == "structure":
        return _structure(name)
    if kind == "list":
        most = min(shape.get("max", 2), 2)
        return st.lists(_value(shape["member"]["shape"]), min_size=min(shape.get("min", 0), 2), max_size=most)
    if kind == "map":
        return st.dictionaries(_value(shape["key"]["shape"]), _value(shape["value"]["shape"]), max_size=2)
    if kind in ("integer", "long"):
        low = shape.get("min", -1)
        return st.integers(low, min(shape.get("max", low + 1000), 2**31 - 1))
    if kind in ("double", "float"):
        return st.floats(shape.get("min", 0), shape.get("max", 1), allow_nan=False)
    if kind == "boolean":
        return st.booleans()
    if kind == "timestamp":
        return st.integers(0, 2_000_000_000)
    return _text(shape)


def _text(shape: Mapping[str, Any]) -> st.SearchStrategy[str]:
    if shape["type"] == "blob":
        return st.binary(max_size=20).map(lambda data: base64.b64encode(data).decode())
    if "enum" in shape:
        return st.sampled_from(shape["enum"])
    if "pattern" in shape and "\\p{" not in shape["pattern"]:
        return st.from_regex(shape["pattern"], fullmatch=True, alphabet=st.characters(codec="ascii")).map(
            lambda text: text[: shape.get("max", 200)]
        )
    return st.text(min_size=min(shape.get("min", 0), 5), max_size=min(shape.get("max", 20), 20))


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as a server gets it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


def to_http(wire: Wire) -> HttpRequest | None:
    """Put the members where the model wants them; ``None`` where a label is empty, which no client can send."""
    operation = MODEL.operations[wire.operation]
    labels: dict[str, str] = {}
    query: list[tuple[str, str]] = list(operation.query)
    headers: dict[str, str] = {}
    content: dict[str, Any] = {}
    for name, value in wire.params.items():
        member = MODEL.members(operation.input)[name]
        at = member.get("locationName", name)
        location = member.get("location")
        if location == "uri":
            labels[at] = _plain(value)
        elif location == "querystring":
            query += [(at, _plain(each)) for each in (value if isinstance(value, list) else [value])]
        elif location == "header":
            headers[at] = quote(_plain(value))
        else:
            content[at] = value
    if not all(labels.values()):
        return None
    path = operation.path
    for at, text in labels.items():
        path = path.replace("{" + at + "}", quote(text, safe="")).replace(
            "{" + at + "+}", quote(text, safe="")
        )
    if "{" in path:
        return None
    target = f"{path}?{urlencode(query)}" if query else path
    body = json.dumps(content).encode() if content or operation.method in ("POST", "PUT") else b""
    return HttpRequest(operation.method, target, headers, body)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value)
