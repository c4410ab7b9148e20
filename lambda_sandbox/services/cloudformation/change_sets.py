"""Change sets belong to a stack: two stacks may have one of the same name. moto keeps them all by their name alone."""

from __future__ import annotations

from typing import Any


def install(responses: Any, error: Any) -> None:
    """Change moto's responses; ``error`` is its ``ValidationError``."""
    kind = responses.CloudFormationResponse

    def asked_for(request: Any) -> Any:
        return find(
            request.cloudformation_backend,
            request._get_param("ChangeSetName"),
            request._get_param("StackName"),
            error,
        )

    def describe_change_set(self: Any) -> Any:
        return responses.ActionResult(asked_for(self))

    def delete_change_set(self: Any) -> Any:
        found = asked_for(self)
        del self.cloudformation_backend.change_sets[found.change_set_id]
        return responses.EmptyResult()

    def list_change_sets(self: Any) -> Any:
        stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
        found = [
            each
            for each in self.cloudformation_backend.change_sets.values()
            if each.stack_id == stack.stack_id
        ]
        return responses.ActionResult({"Summaries": found})

    kind.describe_change_set = describe_change_set
    kind.delete_change_set = delete_change_set
    kind.list_change_sets = list_change_sets


def find(backend: Any, name: str, stack_name: str | None, error: Any) -> Any:
    """Return the change set with this ARN, or of this name and stack; raises ``error``, moto's ``ValidationError``."""
    if name in backend.change_sets:
        return backend.change_sets[name]
    for each in backend.change_sets.values():
        if each.change_set_name == name and stack_name in (each.stack_name, each.stack_id):
            return each
    refusal: Exception = error(message=f"ChangeSet [{name}] does not exist")
    raise refusal


def forget(backend: Any, stack: Any) -> None:
    """Drop the change sets of a stack that is gone: a new stack of its name may have one of the same name."""
    for each in list(backend.change_sets.values()):
        if each.stack_id == stack.stack_id:
            del backend.change_sets[each.change_set_id]
