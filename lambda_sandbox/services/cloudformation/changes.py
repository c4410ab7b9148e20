"""Carrying a template out: what is created, changed and removed, in which order, and what happens when it fails.

moto removes before it adds, adds before it changes and asks no dependency; a new version would then hold the old code,
and the version under an alias would go before the alias has moved. It also leaves a failed stack half made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lambda_sandbox.services.cloudformation.resource import Resource
from lambda_sandbox.services.cloudformation.templates import Template, in_order, needs

Tell = Callable[[str, str, str | None], None]
# Types of moto's whose physical id is their name.
_NAMED_BY_ID = frozenset({"AWS::DynamoDB::Table", "AWS::Kinesis::Stream"})
_KEPT = ("Retain", "RetainExceptOnCreate")


class ResourceFailure(RuntimeError):
    """One resource could not be created, changed or removed; the text is the reason."""

    def __init__(self, logical_id: str, reason: Exception) -> None:
        super().__init__(str(reason) or type(reason).__name__)
        self.logical_id = logical_id


class CannotChange(ValueError):
    """A resource of this type cannot be changed here; it is as it was."""


class Changes:
    """Works on the resources of one stack.

    ``resource_map`` is moto's; ``parsing`` moto's module of that name. ``tell(logical_id, status, reason)`` hears of each
    step.
    """

    def __init__(self, parsing: Any, resource_map: Any, tell: Tell) -> None:
        self._parsing = parsing
        self._map = resource_map
        self._tell = tell

    def apply(self, template: Template, parameters: Mapping[str, Any]) -> None:
        """Bring the stack to a template. Raises ``ResourceFailure``, and ``TemplateError`` for a circle."""
        before: dict[str, Any] = dict(self._map._resource_json_map)
        order = in_order(template["Resources"])
        altered = self._load(template, parameters)
        wanted = [name for name in order if self._is_wanted(template["Resources"][name])]
        reached: set[str] = set()
        try:
            for name in wanted:
                self._bring(name, before.get(name), template["Resources"][name], altered)
                reached.add(name)
        except ResourceFailure as failure:
            if not isinstance(failure.__cause__, CannotChange):
                reached.add(failure.logical_id)
            # What is still as it was has nothing to go back to.
            left = {name: body for name, body in before.items() if name not in reached}
            self._map._resource_json_map = {**template["Resources"], **left}
            raise
        gone = [name for name in before if name not in wanted and name in self._map._parsed_resources]
        for name in reversed([name for name in in_order(before) if name in gone]):
            self._remove(name, before[name])

    def remove_all(self) -> None:
        """Remove what may be removed, the dependent ones first. Raises the last ``ResourceFailure`` after trying all."""
        resources: dict[str, Any] = self._map._resource_json_map
        failure: ResourceFailure | None = None
        for name in reversed(in_order(resources)):
            try:
                self._remove(name, resources[name])
            except ResourceFailure as error:
                failure = error
        if failure is not None:
            raise failure

    def _load(self, template: Template, parameters: Mapping[str, Any]) -> set[str]:
        """Take the template over and return the names of the parameters that have another value now."""
        known = dict(self._map.resolved_parameters)
        self._map._template = template
        self._map._resource_json_map = template["Resources"]
        self._map.input_parameters = dict(parameters)
        self._map.load_mapping()
        self._map.load_parameters()
        self._map.load_conditions()
        now = self._map.resolved_parameters
        return {name for name, value in now.items() if name not in known or known[name] != value}

    def _is_wanted(self, body: Mapping[str, Any]) -> bool:
        condition = body.get("Condition")
        return condition is None or bool(self._map.lazy_condition_map[condition])

    def _bring(self, name: str, before: Any, body: Mapping[str, Any], altered: set[str]) -> None:
        """Create or change one resource; what gets another physical id counts as altered for those that need it."""
        there = self._map._parsed_resources.get(name)
        if there is not None and before is not None and before["Type"] != body["Type"]:
            self._remove(name, before)
            there = None
        if there is None:
            self._carry_out(name, "CREATE", lambda: self._map[name])
            return
        # A Lambda resource compares for itself, with what its references have become.
        if not isinstance(there, Resource) and _same(before, body) and not needs(body) & altered:
            return
        self._change(name, there, body, altered)

    def _change(self, name: str, there: Any, body: Mapping[str, Any], altered: set[str]) -> None:
        properties = getattr(there, "properties", None)
        new = self._attempt(name, "UPDATE", lambda: self._changed(name, there, body))
        self._map._parsed_resources[name] = new
        if new is there and isinstance(there, Resource) and there.properties is properties:
            return
        self._tell(name, "UPDATE_COMPLETE", None)
        if getattr(new, "physical_resource_id", None) != getattr(there, "physical_resource_id", None):
            altered.add(name)

    def _changed(self, name: str, there: Any, body: Mapping[str, Any]) -> Any:
        place = {"account_id": self._map._account_id, "region_name": self._map._region_name}
        if not isinstance(there, Resource) and self._is_renamed(name, there, body):
            new = self._parsing.parse_and_create_resource(name, body, self._map, **place)
            self._delete(there, body)
            return new
        new = self._parsing.parse_and_update_resource(name, body, self._map, **place)
        if new is None:
            # DIFFERS: an update of a stack fails where it would change a DynamoDB table in place, or another resource that no code here can
            # change: UPDATE_ROLLBACK_COMPLETE, with a reason that names the type. A table whose name changes is replaced.
            raise CannotChange(
                f"The sandbox does not change a resource of type {body['Type']}: leave its properties as they were, or "
                "give it another logical id, which makes a new one."
            )
        return new

    def _is_renamed(self, name: str, there: Any, body: Mapping[str, Any]) -> bool:
        """Whether the template now gives one of moto's resources another name, by which AWS replaces it; moto keeps the old."""
        kind, ready, _ = self._parsing.parse_resource_and_generate_name(name, dict(body), self._map)
        wanted: str | None = ready.get("Properties", {}).get(kind.cloudformation_name_type() or "")
        named_by_id: bool = kind.cloudformation_type() in _NAMED_BY_ID
        physical_id = str(getattr(there, "physical_resource_id", ""))
        return named_by_id and wanted is not None and wanted != physical_id

    def _remove(self, name: str, body: Mapping[str, Any]) -> None:
        there = self._map._parsed_resources.get(name)
        if there is None or isinstance(there, str):
            return
        if body.get("DeletionPolicy") in _KEPT:
            self._tell(name, "DELETE_SKIPPED", None)
        else:
            self._carry_out(name, "DELETE", lambda: self._delete(there, body))
        del self._map._parsed_resources[name]

    def _delete(self, there: Any, body: Mapping[str, Any]) -> None:
        if isinstance(there, Resource):
            there.remove()
        else:
            self._map._delete_resource(there, body)

    def _carry_out(self, name: str, action: str, step: Callable[[], Any]) -> None:
        self._attempt(name, action, step)
        self._tell(name, f"{action}_COMPLETE", None)

    def _attempt(self, name: str, action: str, step: Callable[[], Any]) -> Any:
        try:
            return step()
        except Exception as error:  # whatever stops a resource is the stack's reason to roll back
            self._tell(name, f"{action}_FAILED", str(error) or type(error).__name__)
            raise ResourceFailure(name, error) from error


def _same(before: Any, body: Mapping[str, Any]) -> bool:
    """Whether two resources have the same properties; moto adds those that a template leaves out."""
    return bool((before or {}).get("Properties", {}) == body.get("Properties", {}))
