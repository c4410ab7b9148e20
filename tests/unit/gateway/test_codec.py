from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambda_sandbox import errors
from lambda_sandbox.gateway.codec import Codec
from lambda_sandbox.gateway.model import LambdaModel

MODEL = LambdaModel.load()
CODEC = Codec(MODEL)
CREATE: dict[str, Any] = {"FunctionName": "f", "Role": "arn:aws:iam::000000000000:role/r", "Code": {}}


def parse(operation: str, body: Any = b"", **given: Any) -> dict[str, Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return CODEC.parse(
        operation, given.get("labels", {}), given.get("query", {}), given.get("headers", {}), raw
    )


def test_labels_query_and_body_become_one_request() -> None:
    assert parse(
        "TagResource",
        {"Tags": {"a": "b"}},
        labels={"Resource": "arn:aws:lambda:us-east-1:000000000000:function:f"},
    ) == {"Resource": "arn:aws:lambda:us-east-1:000000000000:function:f", "Tags": {"a": "b"}}
    assert parse("ListFunctions", query={"MaxItems": ["7"], "Marker": ["m"]}) == {
        "MaxItems": 7,
        "Marker": "m",
    }
    assert parse(
        "UntagResource",
        labels={"Resource": "arn:aws:lambda:us-east-1:000000000000:function:f"},
        query={"tagKeys": ["a", "b"]},
    )["TagKeys"] == ["a", "b"]


def test_headers_are_read_whatever_their_case_and_the_payload_stays_bytes() -> None:
    request = parse(
        "Invoke",
        b"\xff not json",
        labels={"FunctionName": "f"},
        headers={"x-amz-invocation-type": "Event", "X-AMZ-LOG-TYPE": "Tail"},
    )
    assert request == {
        "FunctionName": "f",
        "InvocationType": "Event",
        "LogType": "Tail",
        "Payload": b"\xff not json",
    }


def test_blobs_arrive_as_bytes() -> None:
    body = CREATE | {"Code": {"ZipFile": base64.b64encode(b"\x00PK").decode()}}
    assert parse("CreateFunction", body)["Code"] == {"ZipFile": b"\x00PK"}


def test_null_is_the_same_as_absent() -> None:
    assert parse("CreateFunction", CREATE | {"Description": None, "VpcConfig": None}) == CREATE


def test_unknown_members_are_ignored() -> None:
    assert parse("CreateFunction", CREATE | {"Unknown": {"deep": 1}}) == CREATE


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"not json",
        b"\xff\xfe\x00",
        b'{"FunctionName": NaN}',
        b'{"FunctionName": "\\ud800"}',
        b"[" * 100_000,
        b"[]",
        b"1",
        b'"text"',
        b"null",
    ],
    ids=[
        "cut off",
        "text",
        "not UTF-8",
        "NaN",
        "half a surrogate",
        "deep",
        "array",
        "number",
        "string",
        "null",
    ],
)
def test_body_that_is_no_json_object_is_a_serialization_error(body: bytes) -> None:
    with pytest.raises(errors.SerializationException):
        parse("CreateFunction", body)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"MemorySize": "128"}, "STRING_VALUE can not be converted to Integer at 'MemorySize'"),
        ({"MemorySize": 128.5}, "DECIMAL_VALUE can not be converted to Integer at 'MemorySize'"),
        ({"MemorySize": True}, "TRUE_VALUE can not be converted to Integer at 'MemorySize'"),
        ({"MemorySize": 2**31}, "NUMBER_VALUE can not be converted to Integer at 'MemorySize'"),
        ({"MemorySize": -(10**60)}, "NUMBER_VALUE can not be converted to Integer at 'MemorySize'"),
        ({"Publish": "true"}, "STRING_VALUE can not be converted to Boolean at 'Publish'"),
        ({"Description": 1}, "NUMBER_VALUE can not be converted to String at 'Description'"),
        ({"Environment": []}, "START_ARRAY can not be converted to Structure at 'Environment'"),
        ({"Layers": {}}, "START_OBJECT can not be converted to List at 'Layers'"),
        ({"Tags": "a"}, "STRING_VALUE can not be converted to Map at 'Tags'"),
        ({"Code": {"ZipFile": "!"}}, "The value at 'ZipFile' is not base64."),
    ],
    ids=str,
)
def test_value_of_another_type_is_a_serialization_error(change: dict[str, Any], message: str) -> None:
    with pytest.raises(errors.SerializationException) as error:
        parse("CreateFunction", CREATE | change)
    assert error.value.message == message


@pytest.mark.parametrize(
    "text", ["many", "", "1.5", "1_0", "٣", "nan", "inf", "99999999999", " 7 "], ids=ascii
)
def test_number_in_the_query_that_is_none_is_a_serialization_error(text: str) -> None:
    with pytest.raises(errors.SerializationException):
        parse("ListFunctions", query={"MaxItems": [text]})


def test_constraints_are_checked_where_the_value_comes_from_the_path() -> None:
    with pytest.raises(errors.ValidationException, match="at 'functionName'"):
        parse("GetFunction", labels={"FunctionName": "a b"})


@pytest.mark.parametrize(
    "moment", ["1700000000", "2023-11-14T22:13:20Z", "2023-11-14T22:13:20", "2023-11-14T23:13:20+01:00"]
)
def test_moments_in_the_query_are_seconds(moment: str) -> None:
    request = parse(
        "ListDurableExecutionsByFunction", labels={"FunctionName": "f"}, query={"StartedAfter": [moment]}
    )
    assert request["StartedAfter"] == 1_700_000_000.0


@pytest.mark.parametrize("moment", [1e30, -1e30, "soon", "nan", "", "2023-13-01T00:00:00Z"])
def test_what_is_no_moment_is_a_serialization_error(moment: float | str) -> None:
    with pytest.raises(errors.SerializationException, match="is not a timestamp"):
        parse("CreateEventSourceMapping", {"FunctionName": "f", "StartingPositionTimestamp": moment})


def test_moments_in_the_body_are_numbers() -> None:
    request = parse(
        "CreateEventSourceMapping", {"FunctionName": "f", "StartingPositionTimestamp": 1_700_000_000.5}
    )
    assert request["StartingPositionTimestamp"] == 1_700_000_000.5


def test_answer_has_the_status_of_the_model_and_leaves_out_what_is_absent() -> None:
    wire = CODEC.serialize("CreateFunction", {"FunctionName": "f", "Description": None}, "id-1")
    assert (wire.status, wire.body) == (201, b'{"FunctionName":"f"}')
    assert wire.headers == {"Content-Type": "application/json", "x-amzn-RequestId": "id-1"}


def test_answer_without_content_has_no_body() -> None:
    wire = CODEC.serialize("TagResource", {})
    assert (wire.status, wire.headers, wire.body) == (204, {}, b"")
    assert CODEC.serialize("DeleteFunction", {"StatusCode": 204}).status == 204


def test_payload_and_headers_of_an_invocation_go_out_as_they_are() -> None:
    wire = CODEC.serialize(
        "Invoke",
        {
            "StatusCode": 202,
            "Payload": b"\x00\xff",
            "FunctionError": "Unhandled",
            "ExecutedVersion": "$LATEST",
        },
    )
    assert (wire.status, wire.body) == (202, b"\x00\xff")
    assert wire.headers == {"X-Amz-Function-Error": "Unhandled", "X-Amz-Executed-Version": "$LATEST"}


def test_moments_of_an_answer_are_numbers() -> None:
    wire = CODEC.serialize("GetEventSourceMapping", {"LastModified": 1_700_000_000.25})
    assert json.loads(wire.body) == {"LastModified": 1_700_000_000.25}


def test_member_the_model_does_not_know_is_our_mistake() -> None:
    with pytest.raises(KeyError):
        CODEC.serialize("CreateFunction", {"FunctionNaem": "f"})


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (errors.ResourceNotFoundException("gone"), 404, {"Type": "User", "Message": "gone"}),
        (errors.ResourceConflictException("taken"), 409, {"Type": "User", "message": "taken"}),
        (errors.ServiceException("broken"), 500, {"Type": "Server", "Message": "broken"}),
        (errors.ValidationException("bad"), 400, {"message": "bad"}),
        (errors.NotImplementedException("not yet"), 501, {"message": "not yet"}),
        (
            errors.TooManyRequestsException("Rate Exceeded.", Reason="ConcurrentInvocationLimitExceeded"),
            429,
            {"Type": "User", "message": "Rate Exceeded.", "Reason": "ConcurrentInvocationLimitExceeded"},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_error_has_the_code_in_a_header_and_the_members_of_its_shape(
    error: errors.ApiError, status: int, body: dict[str, str]
) -> None:
    wire = CODEC.serialize_error(error, "id-1")
    assert (wire.status, json.loads(wire.body)) == (status, body)
    assert wire.headers["x-amzn-ErrorType"] == type(error).__name__
    assert wire.headers["x-amzn-RequestId"] == "id-1"


def test_error_member_with_a_place_in_the_headers_goes_there() -> None:
    wire = CODEC.serialize_error(errors.TooManyRequestsException("slow", retryAfterSeconds=5), "id-1")
    assert wire.headers["Retry-After"] == "5"
    assert "retryAfterSeconds" not in json.loads(wire.body)


_LEAF = st.sampled_from([None, True, False, 0, -1, 1.5, 10**30, "", "text", "a b", "é\u0000"])
_JSON = (
    _LEAF | st.lists(_LEAF, max_size=2) | st.dictionaries(st.sampled_from(["Size", "Variables", "x"]), _LEAF)
)
_MEMBERS = st.sampled_from(sorted(MODEL.shapes["CreateFunctionRequest"]["members"]))


def status_of(operation: str, body: Any, **given: Any) -> int:
    """Return 200, or the status of the API error; anything else that is raised fails the test."""
    try:
        parse(operation, body, **given)
    except errors.ApiError as error:
        return error.status
    return 200


@settings(deadline=None)
@given(st.dictionaries(_MEMBERS, _JSON, max_size=4))
def test_no_json_whatever_is_more_than_an_api_error(body: dict[str, Any]) -> None:
    assert status_of("CreateFunction", CREATE | body) in (200, 400)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_whatever_are_more_than_an_api_error(body: bytes) -> None:
    assert status_of("UpdateFunctionConfiguration", body, labels={"FunctionName": "f"}) in (200, 400)
