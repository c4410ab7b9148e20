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
        )

    def describe_change_set(self: Any) -> Any:
        return responses.ActionResult(asked_for(self))

    def delete_change_set(self: Any) -> Any:
        backend = self.cloudformation_backend
        name, stack_name = self._get_param("ChangeSetName"), self._get_param("StackName")
        found = _look_up(backend, name, stack_name)
        if found is not None:
            del backend.change_sets[found.change_set_id]
        # AWS: one that is not there is as good as deleted, if its stack is there.
        elif not any(stack_name in (each.name, each.stack_id) for each in backend.stacks.values()):
            raise error(message=f"Stack [{stack_name}] does not exist")
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


def find(backend: Any, name: str, stack_name: str | None) -> Any:
    """Return the change set with this ARN, or of this name and stack; raises moto's error for one that is not there."""
    found = _look_up(backend, name, stack_name)
    if found is None:
        # Imported here: moto takes long to import, and only its own process has it. The CDK waits for this very error.
        from moto.cloudformation.exceptions import CloudFormationError

        raise CloudFormationError("ChangeSetNotFoundException", f"ChangeSet [{name}] does not exist")
    return found


def _look_up(backend: Any, name: str, stack_name: str | None) -> Any:
    if name in backend.change_sets:
        return backend.change_sets[name]
    for each in backend.change_sets.values():
        if each.change_set_name == name and stack_name in (each.stack_name, each.stack_id):
            return each
    return None


def forget(backend: Any, stack: Any) -> None:
    """Drop the change sets of a stack that is gone: a new stack of its name may have one of the same name."""
    for each in list(backend.change_sets.values()):
        if each.stack_id == stack.stack_id:
            del backend.change_sets[each.change_set_id]
