"""Refusals in the shapes that clients read."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from lambda_sandbox.services.refusal import json_code, refusal

JSON = [(b"x-amz-target", b"DynamoDB_20120810.GetItem")]


def test_json_services_get_a_typed_object() -> None:
    answer = refusal("dynamodb", "denied", "no <you>", JSON)
    assert answer.status == 400
    assert json.loads(answer.body)["__type"] == "AccessDeniedException"
    assert json.loads(answer.body)["message"] == "no <you>"


@pytest.mark.parametrize(
    ("service", "kind", "path", "code"),
    [
        ("s3", "denied", "Code", "AccessDenied"),
        ("s3", "mismatch", "Code", "SignatureDoesNotMatch"),
        ("sns", "denied", "Error/Code", "AuthorizationError"),
        ("iam", "denied", "Error/Code", "AccessDenied"),
        ("sts", "over", "Error/Code", "ExpiredToken"),
        ("sts", "unknown", "Error/Code", "InvalidClientTokenId"),
    ],
)
def test_xml_services_get_their_own_codes(service: str, kind: str, path: str, code: str) -> None:
    answer = refusal(service, kind, "no <you>", [])
    document = ElementTree.fromstring(answer.body)
    assert (answer.status, document.findtext(path)) == (403, code)
    assert document.findtext(path.replace("Code", "Message")) == "no <you>"


def test_lambda_takes_the_json_names() -> None:
    assert json_code("mismatch") == "InvalidSignatureException"
