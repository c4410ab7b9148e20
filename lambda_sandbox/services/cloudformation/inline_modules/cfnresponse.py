"""``cfnresponse`` for inline code in Python: the functions and names that AWS's module of this name has."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

SUCCESS = "SUCCESS"
FAILED = "FAILED"


def send(
    event: dict[str, Any],
    context: Any,
    responseStatus: str,
    responseData: dict[str, Any],
    physicalResourceId: str | None = None,
    noEcho: bool = False,
    reason: str | None = None,
) -> None:
    """Send one answer. Without a physical id it is the log stream's name, so that a new environment is a new resource."""
    answer = {
        "Status": responseStatus,
        "Reason": reason or f"See the details in CloudWatch Log Stream: {context.log_stream_name}",
        "PhysicalResourceId": physicalResourceId or context.log_stream_name,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "NoEcho": noEcho,
        "Data": responseData,
    }
    body = json.dumps(answer)
    print("Response body:", body)
    request = urllib.request.Request(  # noqa: S310 - the address is the event's
        event["ResponseURL"], data=body.encode(), method="PUT", headers={"Content-Type": ""}
    )
    try:
        with urllib.request.urlopen(request) as response:  # noqa: S310
            print("Status code:", response.status)
    except OSError as error:
        print("send(..) failed executing the request:", error)
