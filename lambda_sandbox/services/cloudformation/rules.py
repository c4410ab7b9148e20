"""``Rules`` of a template: what must hold of its parameters before a stack is made or changed, as CDK writes for its bootstrap version.

Source: CloudFormation template reference, "Rules" and "Rule-specific intrinsic functions", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lambda_sandbox.services.cloudformation.templates import Template, TemplateError

Values = Mapping[str, Any]


def refuse_broken(template: Template, values: Values) -> None:
    """Raise ``TemplateError`` for the first assertion that does not hold. ``values`` are parameters: texts, or lists of texts."""
    for name, rule in (template.get("Rules") or {}).items():
        if not isinstance(rule, Mapping) or not isinstance(rule.get("Assertions"), list):
            raise TemplateError(f"Template format error: [/Rules/{name}] needs a list of Assertions.")
        if "RuleCondition" in rule and not _holds(rule["RuleCondition"], values, name):
            continue
        for each in rule["Assertions"]:
            if not isinstance(each, Mapping) or "Assert" not in each:
                raise TemplateError(f"Template format error: [/Rules/{name}] an assertion needs Assert.")
            if not _holds(each["Assert"], values, name):
                why = each.get("AssertDescription", "an assertion about the parameters does not hold")
                raise TemplateError(f"Template error: rule {name} failed: {why}")


def _holds(asked: Any, values: Values, rule: str) -> bool:
    function, given = (
        next(iter(asked.items())) if isinstance(asked, Mapping) and len(asked) == 1 else ("", ())
    )
    combined = _COMBINED.get(function)
    if combined is not None and isinstance(given, list):
        return combined(_holds(each, values, rule) for each in given)
    if function == "Fn::Not" and isinstance(given, list) and len(given) == 1:
        return not _holds(given[0], values, rule)
    compared = _COMPARED.get(function)
    if compared is None or not isinstance(given, list) or len(given) != 2:
        raise TemplateError(
            f"The sandbox does not decide {function or asked}, which rule {rule} asks for: it knows "
            f"{', '.join(sorted([*_COMBINED, *_COMPARED, 'Fn::Not']))}."
        )
    return compared(*(_value(each, values, rule) for each in given))


def _value(given: Any, values: Values, rule: str) -> Any:
    """Return a text, or a list of texts."""
    if isinstance(given, list):
        return [_value(each, values, rule) for each in given]
    if isinstance(given, Mapping):
        name = str(given.get("Ref"))
        if len(given) != 1 or name not in values:
            raise TemplateError(
                f"Template format error: rule {rule} may name parameters by Ref, and not {given!r}."
            )
        return values[name]
    return str(given).lower() if isinstance(given, bool) else str(given)


def _members(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else [value]


_COMBINED: dict[str, Callable[[Any], bool]] = {"Fn::And": all, "Fn::Or": any}
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "Fn::Equals": lambda first, second: first == second,
    "Fn::Contains": lambda listed, value: value in _members(listed),
    "Fn::EachMemberEquals": lambda listed, value: all(each == value for each in _members(listed)),
    "Fn::EachMemberIn": lambda listed, others: set(_members(listed)) <= set(_members(others)),
}
