"""``AWS::CloudFormation::Stack``: a stack in a stack, whose outputs its parent reads and whose failure is its parent's.

moto makes the inner stack, knows none of its attributes and takes one that was rolled back for one that is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambda_sandbox.services.cloudformation import stack_requests

_OUTPUT = "Outputs."


class InnerStackFailure(RuntimeError):
    """The inner stack was not created, updated or deleted; the text is the reason that its parent shows."""


def install(models: Any) -> None:
    """Change the class ``Stack`` of moto's ``cloudformation.models``, as far as it is a resource of another."""
    nested = NestedStacks(models)
    kind = models.Stack
    kind.physical_resource_id = property(lambda stack: stack.stack_id)
    kind.get_cfn_attribute = _attribute
    kind.create_from_cloudformation_json = nested.create
    kind.update_from_cloudformation_json = nested.update
    kind.delete_from_cloudformation_json = nested.delete


def _attribute(stack: Any, name: str) -> Any:
    """Return an output of the inner stack for ``GetAtt``."""
    values = {output.key: output.value for output in stack.output_map.values() if output}
    key = name.removeprefix(_OUTPUT)
    if not name.startswith(_OUTPUT) or key not in values:
        raise InnerStackFailure(f"Resource {stack.stack_id} does not support attribute {name}")
    return values[key]


class NestedStacks:
    """What moto asks for a resource of this type; ``body`` is the resource as its parent's template has it, references resolved."""

    def __init__(self, models: Any) -> None:
        self._models = models

    def create(
        self,
        resource_name: str,
        cloudformation_json: Mapping[str, Any],
        account_id: str,
        region_name: str,
        **_: Any,
    ) -> Any:
        backend = self._backend(account_id, region_name)
        template, parameters = self._wanted(cloudformation_json, account_id, region_name)
        stack = backend.create_stack(name=resource_name, template=template, parameters=parameters)
        if stack.status != "CREATE_COMPLETE":
            if stack_requests.on_failure.get() != "DO_NOTHING":
                backend.delete_stack(stack.stack_id)
            raise InnerStackFailure(
                f"Embedded stack {stack.stack_id} was not successfully created: {stack.stack_status_reason}"
            )
        return stack

    def update(
        self,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Mapping[str, Any],
        account_id: str,
        region_name: str,
    ) -> Any:
        template, given = self._wanted(cloudformation_json, account_id, region_name)
        parameters = [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()]
        try:
            stack = self._backend(account_id, region_name).update_stack(
                original_resource.stack_id, template, None, parameters, None
            )
        except self._models.ValidationError as error:
            if "No updates" in str(error):
                return original_resource
            raise
        if stack.status != "UPDATE_COMPLETE":
            raise InnerStackFailure(
                f"Embedded stack {stack.stack_id} was not successfully updated: {stack.stack_status_reason}"
            )
        return stack

    def delete(
        self, resource_name: str, cloudformation_json: Mapping[str, Any], account_id: str, region_name: str
    ) -> None:
        backend = self._backend(account_id, region_name)
        backend.delete_stack(resource_name)
        left = [stack for stack in backend.stacks.values() if resource_name in (stack.name, stack.stack_id)]
        if left:
            raise InnerStackFailure(
                f"Embedded stack {left[0].stack_id} was not deleted: {left[0].stack_status_reason}"
            )

    def _backend(self, account_id: str, region_name: str) -> Any:
        return self._models.cloudformation_backends[account_id][region_name]

    def _wanted(
        self, body: Mapping[str, Any], account_id: str, region_name: str
    ) -> tuple[str, dict[str, Any]]:
        properties = body["Properties"]
        partition = self._models.get_partition(region_name)
        template = self._models.get_stack_from_s3_url(
            properties["TemplateURL"], account_id=account_id, partition=partition
        )
        given: dict[str, Any] = properties.get("Parameters", {})
        # A list goes into a list parameter as text.
        return template, {
            name: ",".join(map(str, value)) if isinstance(value, list) else str(value)
            for name, value in given.items()
        }
