"""The policies of queues and topics, read inside moto's process: their own APIs show them only to those who may ask."""

from __future__ import annotations

import json
import sys
from typing import Any

from lambda_sandbox.services.own_question import OwnQuestion

PATH = "/_sandbox/resource-policy"


class ResourcePolicies(OwnQuestion):
    """``POST /_sandbox/resource-policy`` of ``{"arn": ARN}``: ``{"policy": TEXT}``, empty where there is no policy."""

    PATH = PATH

    def answer(self, question: dict[str, Any]) -> dict[str, str]:
        policy = _policy(question["arn"])
        return {"policy": json.dumps(policy) if policy else ""}


def _policy(arn: str) -> Any:
    _, _, service, region, account_id, name = arn.split(":", 5)
    models: Any = sys.modules.get(f"moto.{service}.models")
    if models is None:  # nobody has asked for this service yet
        return None
    if service == "sqs":
        queue = models.sqs_backends[account_id][region].queues.get(name)
        return queue and queue._policy_json
    topic = models.sns_backends[account_id][region].topics.get(arn)
    return topic and topic._policy_json
