"""What a function's role must be allowed on an event source before Lambda polls it.

Source: AWS Lambda Developer Guide, "Using Lambda with Amazon SQS", "... Kinesis", "... DynamoDB", permissions, read 2026-11.
"""

from __future__ import annotations

from lambda_sandbox.iam.evaluation import Access, Principal, evaluate

_STREAM = (
    "Cannot access stream {arn}. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, "
    "{more}and ListStreams Actions on your stream in IAM."
)
_NEEDED = {
    "sqs": ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"),
    "kinesis": ("GetRecords", "GetShardIterator", "DescribeStream", "ListShards"),
    "dynamodb": ("GetRecords", "GetShardIterator", "DescribeStream"),
}


def refusal(role: Principal, source_arn: str) -> str:
    """Return AWS's sentence when ``role`` may not poll the event source, else an empty string.

    Sources other than queues and streams of Kinesis and DynamoDB are not looked at.
    """
    service = source_arn.split(":")[2]
    for operation in _NEEDED.get(service, ()):
        # A queue of another account has a policy too: it is not looked at, only the role's side is.
        access = Access(role, f"{service}:{operation}", source_arn, role.account_id)
        if not evaluate(access).allowed:
            return _sentence(service, operation, source_arn)
    return ""


def _sentence(service: str, operation: str, arn: str) -> str:
    if service == "sqs":
        return f"The function execution role does not have permissions to call {operation} on SQS"
    return _STREAM.format(arn=arn, more="ListShards, " if service == "kinesis" else "")
