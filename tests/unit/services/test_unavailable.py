from __future__ import annotations

import json
from xml.etree import ElementTree

from lambda_sandbox.services.unavailable import unavailable

SENTENCE = "Queues & tables are gone."


def scope(service: str) -> tuple[bytes, bytes]:
    return (
        b"Authorization",
        f"AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/{service}/aws4_request,".encode(),
    )


def test_a_json_client_gets_json() -> None:
    answer = unavailable(SENTENCE, [(b"X-Amz-Target", b"AmazonSQS.SendMessage")])
    assert answer.status == 503
    assert json.loads(answer.body) == {"__type": "ServiceUnavailable", "message": SENTENCE}


def test_s3_gets_its_own_xml() -> None:
    root = ElementTree.fromstring(unavailable(SENTENCE, [scope("s3")]).body)
    assert (root.tag, root.findtext("Message")) == ("Error", SENTENCE)


def test_a_query_client_gets_an_error_response() -> None:
    root = ElementTree.fromstring(unavailable(SENTENCE, [scope("sns")]).body)
    assert (root.tag, root.findtext("Error/Message")) == ("ErrorResponse", SENTENCE)
