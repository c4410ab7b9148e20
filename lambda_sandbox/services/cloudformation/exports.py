"""Exports: names of outputs that other stacks of the account and Region import, and that stay as they are while one does.

moto takes a stack's exports before its resources are made, forgets them at an update, and lets go what others still use.
``stack`` and ``backend`` are moto's objects; a backend is one account's CloudFormation in one Region.

Source: CloudFormation User Guide, "Get exported outputs from a deployed CloudFormation stack", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lambda_sandbox.services.cloudformation.templates import TemplateError

_IMPORT = "Fn::ImportValue"
# Stacks that never came to be: what their template imports is not in use.
_NOT_MADE = ("CREATE_FAILED", "DELETE_COMPLETE", "REVIEW_IN_PROGRESS", "ROLLBACK_")


class Exports:
    """``parsing`` is moto's module of that name."""

    def __init__(self, parsing: Any) -> None:
        self._parsing = parsing

    def publish(self, backend: Any, stack: Any, outputs: list[dict[str, Any]]) -> None:
        """Let the backend hold what ``outputs``, as DescribeStacks tells them, export, and nothing that the stack did before.

        Raises ``TemplateError`` for a name that another stack exports, and for one in use that would go or change.
        """
        wanted = {
            each["ExportName"]: self._parsing.Export(stack.stack_id, each["ExportName"], each["OutputValue"])
            for each in outputs
            if "ExportName" in each
        }
        before = self._of(backend, stack)
        for name in wanted:
            if name not in before and name in backend.exports:
                owner = self._owner(backend, name)
                raise TemplateError(f"Export with name {name} is already exported by stack {owner}.")
        for name, export in before.items():
            importers = self.importers(backend, name)
            if importers and name not in wanted:
                raise TemplateError(f"Cannot delete export {name} as it is in use by {_listed(importers)}.")
            if importers and wanted[name].value != export.value:
                raise TemplateError(f"Cannot update export {name} as it is in use by {_listed(importers)}.")
        self.withdraw(backend, stack)
        backend.exports.update(wanted)

    def withdraw(self, backend: Any, stack: Any) -> None:
        """Have the backend forget what a stack exports."""
        for name in self._of(backend, stack):
            del backend.exports[name]

    def in_use(self, backend: Any, stack: Any) -> str:
        """Return why a stack cannot go, empty when none of its exports is imported."""
        for name in self._of(backend, stack):
            importers = self.importers(backend, name)
            if importers:
                return (
                    f"Delete canceled. Cannot delete export {name} as it is in use by {_listed(importers)}."
                )
        return ""

    def importers(self, backend: Any, name: str) -> list[str]:
        """Return the names of the stacks that import an export."""
        return [
            stack.name
            for stack in backend.stacks.values()
            if not stack.status.startswith(_NOT_MADE)
            and any(self._name(stack, each) == name for each in _imported(stack.template_dict))
        ]

    def install(self, responses: Any, error: Any) -> None:
        """Answer ListImports, which moto's ``responses`` do not; ``error`` is its ``ValidationError``."""

        def list_imports(request: Any) -> Any:
            name = request._get_param("ExportName")
            found = self.importers(request.cloudformation_backend, name)
            if not found:
                raise error(message=f"Export '{name}' is not imported by any stack.")
            return responses.ActionResult({"Imports": found})

        responses.CloudFormationResponse.list_imports = list_imports

    def _name(self, stack: Any, asked: Any) -> Any:
        """Return the name that an import means; a stack that has failed may have no value for it any more."""
        try:
            return self._parsing.clean_json(asked, stack.resource_map)
        except Exception:  # whatever moto says of what it cannot resolve: nothing is imported by that
            return None

    @staticmethod
    def _of(backend: Any, stack: Any) -> dict[str, Any]:
        return {
            name: each for name, each in backend.exports.items() if each.exporting_stack_id == stack.stack_id
        }

    @staticmethod
    def _owner(backend: Any, name: str) -> str:
        stack = backend.stacks.get(backend.exports[name].exporting_stack_id)
        return "" if stack is None else str(stack.name)


def _imported(value: Any) -> Iterator[Any]:
    """Return what a template's imports name, as it stands there."""
    if isinstance(value, list):
        for each in value:
            yield from _imported(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key == _IMPORT:
                yield each
            yield from _imported(each)


def _listed(names: list[str]) -> str:
    return ", ".join(names)


def outputs_of(parsing: Any, stack: Any, outputs: Any) -> list[dict[str, Any]]:
    """Return a stack's outputs as DescribeStacks tells them; ``outputs`` is moto's map.

    Raises ``TemplateError`` for one that has no value.
    """
    told = []
    for key, output in outputs.items():
        if output is None:
            continue
        if isinstance(output.value, list | dict) or output.value is None:
            raise TemplateError(
                f"Template format error: Output {key} is malformed. The Value field of every Outputs member must evaluate "
                "to a String."
            )
        value = str(output.value).lower() if isinstance(output.value, bool) else str(output.value)
        one = {"OutputKey": key, "OutputValue": value, "Description": output.description}
        export = (outputs._output_json_map[key].get("Export") or {}).get("Name")
        if export is not None:
            one["ExportName"] = parsing.clean_json(export, stack.resource_map)
        told.append(one)
    return told
