"""Carrying a template out: what is created, changed and removed, in which order, and what happens when it fails.

moto removes before it adds, adds before it changes and asks no dependency; a new version would then hold the old code,
and the version under an alias would go before the alias has moved. It also leaves a failed stack half made.

What an update no longer needs goes last, in the clean-up, so that a failure before finds it where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from lambda_sandbox.services.cloudformation.resource import Resource
from lambda_sandbox.services.cloudformation.templates import Template, TemplateError, in_order, needs

Tell = Callable[[str, str, str | None], None]
_KEPT = ("Retain", "RetainExceptOnCreate")


class ResourceFailure(RuntimeError):
    """One resource could not be created, changed or removed; the text is the reason."""

    def __init__(self, logical_id: str, reason: Exception) -> None:
        super().__init__(str(reason) or type(reason).__name__)
        self.logical_id = logical_id


class CannotChange(ValueError):
    """A resource of this type cannot be changed here; it is as it was."""


class HalfMade(RuntimeError):
    """A resource that could not be created and has to be removed all the same; the text is the reason."""

    def __init__(self, reason: str, resource: Any) -> None:
        super().__init__(reason)
        self.resource = resource


class _Replacement(NamedTuple):
    """``new`` took the place of ``old``, which is there until the clean-up. ``body`` is the resource in the old template."""

    name: str
    old: Any
    new: Any
    body: Mapping[str, Any]
    kept: bool


class _Leftover(NamedTuple):
    """What the clean-up removes. ``kept`` says that a policy of the template lets it be."""

    name: str
    there: Any
    body: Mapping[str, Any]
    kept: bool


class Changes:
    """One operation on the resources of one stack: ``apply``, then ``clean_up``; after a failure ``revert`` and both again.

    ``resource_map`` is moto's; ``parsing`` moto's module of that name. ``tell(logical_id, status, reason)`` hears of each
    step.
    """

    def __init__(self, parsing: Any, resource_map: Any, tell: Tell) -> None:
        self._parsing = parsing
        self._map = resource_map
        self._tell = tell
        self._replacements: list[_Replacement] = []
        self._leftovers: list[_Leftover] = []
        self._restored: set[str] = set()

    def apply(self, template: Template, parameters: Mapping[str, Any]) -> None:
        """Bring the stack to a template. Raises ``ResourceFailure``, and ``TemplateError`` for a circle."""
        before: dict[str, Any] = dict(self._map._resource_json_map)
        order = in_order(template["Resources"])
        self._refuse_other_types(before, template["Resources"])
        altered = self._load(template, parameters) | self._restored
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
        there = self._map._parsed_resources
        gone = [name for name in in_order(before) if name in there and name not in wanted]
        self._leftovers += [self._leave(name, before[name]) for name in gone]

    def revert(self) -> None:
        """Put back what was replaced, so that ``apply`` with the old template finds it; what took its place is left over."""
        for each in reversed(self._replacements):
            self._map._parsed_resources[each.name] = each.old
            self._leftovers.append(_Leftover(each.name, each.new, each.body, kept=False))
            self._restored.add(each.name)
        self._replacements = []

    @property
    def has_leftovers(self) -> bool:
        return bool(self._replacements or self._leftovers)

    def clean_up(self) -> None:
        """Remove what the stack no longer needs, the dependent ones first. AWS: what cannot be removed stays, and is told."""
        replaced = [_Leftover(each.name, each.old, each.body, each.kept) for each in self._replacements]
        for each in reversed(replaced + self._leftovers):
            if each.kept:
                self._tell(each.name, "DELETE_SKIPPED", None)
                continue
            try:
                self._carry_out(each.name, "DELETE", lambda one=each: self._delete(one.there, one.body))  # type: ignore[misc]
            except ResourceFailure:
                continue
        self._replacements, self._leftovers = [], []

    def remove_all(self, *, rolling_back: bool = False, retained: Collection[str] = ()) -> None:
        """Remove what may be removed, the dependent ones first. Raises the last ``ResourceFailure`` after trying all.

        What a resource needs that cannot be removed stays with it. ``rolling_back`` says that the stack's creation failed;
        ``retained`` are the resources that stay because the caller wants it.
        """
        resources: dict[str, Any] = self._map._resource_json_map
        kept = ("Retain",) if rolling_back else _KEPT
        failure: ResourceFailure | None = None
        held: set[str] = set()
        for name in reversed(in_order(resources)):
            if name in held:
                held |= needs(resources[name])
                continue
            try:
                self._remove(name, resources[name], kept, skipped=name in retained)
            except ResourceFailure as error:
                held |= needs(resources[name])
                failure = error
        if failure is not None:
            raise failure

    def _refuse_other_types(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        there = self._map._parsed_resources
        other = [
            name
            for name, body in after.items()
            if name in before and name in there and before[name]["Type"] != body["Type"]
        ]
        if other:
            raise TemplateError(
                "Update of resource type is not permitted. The new template modifies resource type of the following "
                f"resources: [{', '.join(sorted(other))}]"
            )

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
        if there is None:
            self._create(name)
            return
        # A resource of ours compares for itself, with what its references have become.
        if not isinstance(there, Resource) and _same(before, body) and not needs(body) & altered:
            return
        self._change(name, there, before, body, altered)

    def _create(self, name: str) -> None:
        try:
            self._carry_out(name, "CREATE", lambda: self._map[name])
        except ResourceFailure as failure:
            if isinstance(failure.__cause__, HalfMade):
                self._map._parsed_resources[name] = failure.__cause__.resource
            raise

    def _change(self, name: str, there: Any, before: Any, body: Mapping[str, Any], altered: set[str]) -> None:
        was = _state(there)
        new = self._attempt(name, "UPDATE", lambda: self._changed(name, there, before or body, body))
        self._map._parsed_resources[name] = new
        if isinstance(there, Resource) and new is there and there.properties is was[0]:
            return
        self._tell(name, "UPDATE_COMPLETE", None)
        if _state(new)[1:] != was[1:]:
            altered.add(name)

    def _changed(self, name: str, there: Any, before: Mapping[str, Any], body: Mapping[str, Any]) -> Any:
        place = {"account_id": self._map._account_id, "region_name": self._map._region_name}
        new = self._parsing.parse_and_update_resource(name, body, self._map, **place)
        if new is None:
            # DIFFERS: an update of a stack fails where it would change a resource that no code here can change: UPDATE_ROLLBACK_COMPLETE,
            # with a reason that names the type.
            raise CannotChange(
                f"The sandbox does not change a resource of type {body['Type']}: leave its properties as they were, or "
                "give it another logical id, which makes a new one."
            )
        if new is not there and isinstance(there, Resource):
            self._replace(name, there, new, before, body)
        return new

    def _replace(self, name: str, old: Any, new: Any, before: Any, body: Mapping[str, Any]) -> None:
        kept = body.get("UpdateReplacePolicy") in _KEPT
        self._replacements.append(_Replacement(name, old, new, before, kept))

    def _leave(self, name: str, body: Mapping[str, Any]) -> _Leftover:
        """Take a resource out of the stack and return it for the clean-up."""
        there = self._map._parsed_resources.pop(name)
        return _Leftover(name, there, body, body.get("DeletionPolicy") in _KEPT)

    def _remove(self, name: str, body: Mapping[str, Any], kept: tuple[str, ...], *, skipped: bool) -> None:
        there = self._map._parsed_resources.get(name)
        if there is None or isinstance(there, str):
            return
        if skipped or body.get("DeletionPolicy") in kept:
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


def _state(there: Any) -> tuple[Any, Any, Any]:
    """Return a resource's properties, and what others see of it: its physical id and, of one of ours, its attributes."""
    attributes = dict(there.attributes) if isinstance(there, Resource) else None
    return getattr(there, "properties", None), getattr(there, "physical_resource_id", None), attributes


def _same(before: Any, body: Mapping[str, Any]) -> bool:
    """Whether two resources have the same properties; moto adds those that a template leaves out."""
    return bool((before or {}).get("Properties", {}) == body.get("Properties", {}))
