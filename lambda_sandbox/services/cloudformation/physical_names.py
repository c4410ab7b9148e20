"""The names that a stack gives to what its template does not name: ``STACK-LOGICALID-RANDOM``, as long as the service allows.

moto shortens those of load balancers and buckets only; the CDK's logical ids alone are up to 60 characters long.

Source: CloudFormation User Guide, "Name type"; the lengths are those that each service's API reference gives, read 2026-11.
"""

from __future__ import annotations

import secrets
import string

_SUFFIX_LENGTH = 12
_LETTERS = string.ascii_uppercase + string.digits
# Characters that a name may have. Of a queue's and a topic's, five are for ``.fifo``.
_LIMITS = {
    "AWS::ApiGateway::ApiKey": 128,
    "AWS::DynamoDB::Table": 255,
    "AWS::ECR::Repository": 256,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": 32,
    "AWS::ElasticLoadBalancingV2::TargetGroup": 32,
    "AWS::Events::EventBus": 64,
    "AWS::Events::Rule": 64,
    "AWS::IAM::Group": 128,
    "AWS::IAM::InstanceProfile": 128,
    "AWS::IAM::ManagedPolicy": 128,
    "AWS::IAM::Policy": 128,
    "AWS::IAM::Role": 64,
    "AWS::IAM::User": 64,
    "AWS::Kinesis::Stream": 128,
    "AWS::Lambda::Function": 64,
    "AWS::S3::Bucket": 63,
    "AWS::SNS::Topic": 251,
    "AWS::SQS::Queue": 75,
    "AWS::Scheduler::Schedule": 64,
    "AWS::Scheduler::ScheduleGroup": 64,
    "AWS::StepFunctions::Activity": 80,
    "AWS::StepFunctions::StateMachine": 80,
}
_ALL_SMALL = ("AWS::ECR::Repository", "AWS::S3::Bucket")
_OTHERS = 255


def generate(resource_type: str, stack_name: str, logical_id: str) -> str:
    """Return a name for one resource. What is too long loses the ends of its stack's name and of its logical id.

    POLICY: AWS does not say how much each of them loses; here the stack's name keeps half the room, or what the id leaves free.
    """
    suffix = "".join(secrets.choice(_LETTERS) for _ in range(_SUFFIX_LENGTH))
    room = _LIMITS.get(resource_type, _OTHERS) - len(suffix) - 2
    of_stack = max(room // 2, room - len(logical_id))
    stack = stack_name[:of_stack].rstrip("-")
    name = f"{stack}-{logical_id[: room - len(stack)]}-{suffix}"
    return name.lower() if resource_type in _ALL_SMALL else name
