"""Templates: read safely from YAML or JSON, and turned from SAM into CloudFormation by AWS's own translator."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

import yaml

SERVERLESS = "AWS::Serverless-2016-10-31"
Template = dict[str, Any]
ManagedPolicies = Callable[[], dict[str, str]]  # ARNs of AWS's own policies by name
CONDITIONS = frozenset(
    {"Fn::Equals", "Fn::Not", "Fn::And", "Fn::Or"}
)  # the functions that a condition is made of
_SHORT_FORMS_WITHOUT_FN = ("Ref", "Condition")
_DATE = "tag:yaml.org,2002:timestamp"


class TemplateError(ValueError):
    """The template cannot be used; the text says why."""


class _Loader(yaml.SafeLoader):
    """YAML as CloudFormation reads it: short forms of the functions, and dates stay text. It makes no Python objects."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _DATE]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = node.value
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in _SHORT_FORMS_WITHOUT_FN else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def parse(text: str) -> Template:
    """Return the template. Raises ``TemplateError`` for what is neither YAML nor JSON, or no object."""
    try:
        content = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, RecursionError) as error:
        raise TemplateError(f"Template format error: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise TemplateError("Template format error: unsupported structure.")
    resources = content.get("Resources", {})
    loops = (
        [name for name in resources if str(name).startswith("Fn::ForEach")]
        if isinstance(resources, dict)
        else []
    )
    if loops:
        raise TemplateError(
            f"{loops[0]} needs the transform AWS::LanguageExtensions, which this sandbox does not emulate: write the "
            "resources out."
        )
    if not isinstance(resources, dict) or not all(isinstance(each, dict) for each in resources.values()):
        raise TemplateError("Template format error: Resources must be an object of objects.")
    _split_attributes(content)
    return content


def _split_attributes(value: Any) -> None:
    """Make the two parts of it that everything else expects from ``Fn::GetAtt`` of one text, as YAML and JSON allow it."""
    if isinstance(value, list):
        for each in value:
            _split_attributes(each)
    elif isinstance(value, dict):
        asked = value.get("Fn::GetAtt")
        if isinstance(asked, str) and "." in asked:
            value["Fn::GetAtt"] = asked.split(".", 1)
        for each in value.values():
            _split_attributes(each)


def transforms(template: Template) -> list[Any]:
    """Return the macros that a template asks for, by name or as an object with one."""
    asked = template.get("Transform") or []
    return [asked] if isinstance(asked, str | dict) else list(asked)


def processed(
    text: str, parameters: Mapping[str, Any], region: str, managed_policies: ManagedPolicies
) -> str:
    """Return the template as JSON, translated if it asks for the SAM transform. Raises ``TemplateError``.

    JSON whatever came in: moto's YAML reader would make any Python object that a template asks for.
    """
    template = parse(text)
    asked = transforms(template)
    unknown = [each for each in asked if each != SERVERLESS]
    if unknown:
        raise TemplateError(f"Transform {unknown[0]} is not emulated by this sandbox; only {SERVERLESS} is.")
    if asked:
        template = _translated(template, parameters, region, managed_policies)
    return json.dumps(template, default=str)


def _translated(
    template: Template, parameters: Mapping[str, Any], region: str, managed_policies: ManagedPolicies
) -> Template:
    _refuse_repository(template)
    # The translator takes 1.5 s to load, which only SAM templates should pay.
    from boto3.session import Session
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    try:
        session = Session(region_name=region)
        translated: Template = Translator({}, Parser(), boto_session=session).translate(
            copy.deepcopy(template), dict(parameters), get_managed_policy_map=managed_policies
        )
    except InvalidDocumentException as error:
        causes = "; ".join(sorted(cause.message for cause in error.causes))
        raise TemplateError(
            f"Transform {SERVERLESS} failed with: Invalid Serverless Application Specification document. "
            f"Number of errors found: {len(error.causes)}. {causes}"
        ) from None
    translated.pop("Transform", None)
    return translated


def _refuse_repository(template: Template) -> None:
    """Raise ``TemplateError`` for an application that the translator would fetch from the Serverless Application Repository."""
    for name, body in (template.get("Resources") or {}).items():
        location = (body.get("Properties") or {}).get("Location")
        if body.get("Type") == "AWS::Serverless::Application" and isinstance(location, dict):
            raise TemplateError(
                f"The sandbox does not emulate the Serverless Application Repository, from which {name} comes: name the "
                "address of a template in Location."
            )


def references(value: Any) -> set[str]:
    """Return the logical names that a part of a template needs: by Ref, GetAtt and Sub."""
    if isinstance(value, list):
        return set().union(*(references(each) for each in value))
    if not isinstance(value, dict):
        return set()
    found: set[str] = set()
    for key, each in value.items():
        if key == "Ref":
            found.add(str(each))
        elif key == "Fn::GetAtt":
            found.add(str(each[0] if isinstance(each, list) else str(each).split(".")[0]))
        elif key == "Fn::Sub":
            text, variables = (each, {}) if isinstance(each, str) else (each[0], each[1])
            found |= (_in_text(text) - variables.keys()) | references(variables)
        else:
            found |= references(each)
    return found


def _in_text(text: str) -> set[str]:
    names = (part.split("}")[0] for part in text.split("${")[1:])
    return {name.split(".")[0].strip() for name in names if not name.startswith("!")}


def in_order(resources: Mapping[str, Any]) -> list[str]:
    """Return the logical names, each behind those that it needs. Raises ``TemplateError`` for a circle."""
    ordered: list[str] = []
    under_way: list[str] = []

    def add(name: str) -> None:
        if name in ordered:
            return
        if name in under_way:
            raise TemplateError(
                f"Circular dependency between resources: [{', '.join(under_way[under_way.index(name) :])}]"
            )
        under_way.append(name)
        for needed in sorted(needs(resources[name]) & resources.keys()):
            add(needed)
        under_way.pop()
        ordered.append(name)

    for name in resources:
        add(name)
    return ordered


def needs(resource: Mapping[str, Any]) -> set[str]:
    """Return the logical names that a resource refers to."""
    depends = resource.get("DependsOn", [])
    return references(resource.get("Properties", {})) | set(
        [depends] if isinstance(depends, str) else depends
    )
