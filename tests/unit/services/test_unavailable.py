from __future__ import annotations

import json
from xml.etree import ElementTree

from lambda_sandbox.services.unavailable import NotEmulated, UnknownService, failed, unavailable

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


def test_what_is_not_emulated_is_named_after_its_operation() -> None:
    error = NotImplementedError("The start_message_move_task action has not been implemented")
    answer = failed(error, [(b"X-Amz-Target", b"AmazonSQS.StartMessageMoveTask"), scope("sqs")])
    assert answer.status == 501
    assert json.loads(answer.body) == {
        "__type": "NotImplementedException",
        "message": "StartMessageMoveTask of sqs is not emulated by this sandbox.",
    }


def test_service_that_nobody_has_is_named_and_a_get_of_a_rest_api_reads_json() -> None:
    answer = failed(UnknownService(), [scope("omics")])
    assert json.loads(answer.body)["message"] == "The service omics is not emulated by this sandbox."


def test_own_words_for_what_is_not_emulated_are_kept() -> None:
    answer = failed(NotEmulated("Pipes do not run here."), [scope("pipes")])
    assert (answer.status, json.loads(answer.body)["message"]) == (501, "Pipes do not run here.")


def test_failure_of_a_service_of_forms_is_xml() -> None:
    form = (b"Content-Type", b"application/x-www-form-urlencoded")
    answer = failed(ValueError("on <purpose>"), [form, scope("elasticache")])
    root = ElementTree.fromstring(answer.body)
    assert (answer.status, root.findtext("Error/Code")) == (500, "InternalFailure")
    assert "on <purpose>" in str(root.findtext("Error/Message"))
