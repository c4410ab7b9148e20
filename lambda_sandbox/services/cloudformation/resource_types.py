"""Which types of resources stacks know: ours, and those of moto's that are not ours."""

from __future__ import annotations

from typing import Any

from lambda_sandbox.services.cloudformation import custom_resources, passed_over
from lambda_sandbox.services.cloudformation.alarms import ALARMS
from lambda_sandbox.services.cloudformation.buckets import BUCKETS
from lambda_sandbox.services.cloudformation.cdk import CDK
from lambda_sandbox.services.cloudformation.http_apis import HTTP_APIS
from lambda_sandbox.services.cloudformation.image_repositories import IMAGE_REPOSITORIES
from lambda_sandbox.services.cloudformation.invoking import RESOURCES
from lambda_sandbox.services.cloudformation.log_groups import LOG_GROUPS
from lambda_sandbox.services.cloudformation.queues_and_topics import QUEUES_AND_TOPICS
from lambda_sandbox.services.cloudformation.resource import Resource
from lambda_sandbox.services.cloudformation.rest_apis import REST_APIS
from lambda_sandbox.services.cloudformation.rest_usage_plans import USAGE_PLANS
from lambda_sandbox.services.cloudformation.schedules import SCHEDULES
from lambda_sandbox.services.cloudformation.secrets_and_parameters import SECRETS_AND_PARAMETERS
from lambda_sandbox.services.cloudformation.state_machines import STATE_MACHINES
from lambda_sandbox.services.cloudformation.streams import STREAMS
from lambda_sandbox.services.cloudformation.subscriptions import SUBSCRIPTIONS
from lambda_sandbox.services.cloudformation.tables import TABLES


def install(parsing: Any) -> None:
    """Put ours into moto's ``parsing``, in the place of those that it has for the same types."""
    ours: list[type[Resource]] = [
        *RESOURCES,
        custom_resources.CustomResource,
        *ALARMS,
        *LOG_GROUPS,
        *QUEUES_AND_TOPICS,
        *SUBSCRIPTIONS,
        *SCHEDULES,
        *HTTP_APIS,
        *REST_APIS,
        *USAGE_PLANS,
        *BUCKETS,
        *IMAGE_REPOSITORIES,
        *TABLES,
        *SECRETS_AND_PARAMETERS,
        *STATE_MACHINES,
        *STREAMS,
        *CDK,
    ]
    types = {each.TYPE for each in ours}
    theirs = [
        each
        for each in parsing.get_model_list()
        if not _is_lambda(each) and each.cloudformation_type() not in types
    ]
    known = {each.cloudformation_type(): each for each in theirs}
    for each in theirs:
        passed_over.install(each)
    # Ref of a bus gives its name; moto's class does not say so, and a rule would get the object.
    known["AWS::Events::EventBus"].physical_resource_id = property(lambda bus: bus.name)
    parsing.get_model_list = lambda: [*theirs, *ours]
    parsing.get_model_map.cache_clear()
    parsing.get_name_type_map.cache_clear()


def _is_lambda(model: Any) -> bool:
    return str(model.cloudformation_type()).startswith("AWS::Lambda::")
