"""A sandbox under generated requests: what its answers named, and what must hold of everything that it keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lambda_sandbox.errors import NotImplementedException, ResourceNotFoundException
from tests.property.requests import Wire

Call = Callable[..., dict[str, Any]]
_SECRETS = ("Location", "RepositoryType")  # addresses that are made anew for each answer


@dataclass
class Seen:
    """What earlier answers held, for requests to name."""

    values: dict[str, list[str]] = field(default_factory=dict)

    def learn(self, answer: Mapping[str, Any]) -> None:
        for key, member in (
            ("uuid", "UUID"),
            ("mapping", "EventSourceMappingArn"),
            ("signing", "CodeSigningConfigArn"),
            ("revision", "RevisionId"),
            ("marker", "NextMarker"),
        ):
            for value in _find(answer, member):
                self.values.setdefault(key, []).append(value)

    def fill_in(self, wire: Wire) -> Wire:
        """Put the newest value of each kind where the request says ``@kind``."""
        return Wire(
            wire.operation, {name: self._filled(value) for name, value in wire.params.items()}, wire.valid
        )

    def _filled(self, value: Any) -> Any:
        if isinstance(value, str) and value.startswith("@"):
            return self.values.get(value[1:], ["none-yet"])[-1]
        return value


def _find(value: Any, member: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name == member and isinstance(each, str):
                yield each
            else:
                yield from _find(each, member)
    elif isinstance(value, list):
        for each in value:
            yield from _find(each, member)


def snapshot(call: Call) -> dict[str, Any]:
    """Return everything that the API shows, by operation and resource."""
    shown: dict[str, Any] = {"sizes": {}}
    versions = _pages(call, "ListFunctions", "Functions", FunctionVersion="ALL")
    shown["versions"] = {function["FunctionArn"]: function for function in versions}
    names = sorted({function["FunctionName"] for function in versions})
    for name in names:
        shown[f"aliases of {name}"] = _pages(call, "ListAliases", "Aliases", FunctionName=name)
        shown[f"urls of {name}"] = _pages(
            call, "ListFunctionUrlConfigs", "FunctionUrlConfigs", FunctionName=name
        )
        shown[f"event-invoke of {name}"] = _pages(
            call, "ListFunctionEventInvokeConfigs", "FunctionEventInvokeConfigs", FunctionName=name
        )
        shown[f"provisioned of {name}"] = _pages(
            call, "ListProvisionedConcurrencyConfigs", "ProvisionedConcurrencyConfigs", FunctionName=name
        )
        shown[f"policy of {name}"] = _maybe(call, "GetPolicy", FunctionName=name)
        shown[f"tags of {name}"] = _maybe(call, "ListTags", Resource=_unqualified(versions, name))
    shown["mappings"] = _pages(call, "ListEventSourceMappings", "EventSourceMappings")
    layers = _pages(call, "ListLayers", "Layers")
    for layer in layers:
        name = layer["LayerName"]
        shown[f"layer {name}"] = _pages(call, "ListLayerVersions", "LayerVersions", LayerName=name)
        for version in shown[f"layer {name}"]:
            told = _maybe(call, "GetLayerVersion", LayerName=name, VersionNumber=version["Version"])
            shown["sizes"][f"layer {name} {version['Version']}"] = told["Content"]["CodeSize"]
    shown["signing"] = _pages(call, "ListCodeSigningConfigs", "CodeSigningConfigs")
    shown["account"] = _maybe(call, "GetAccountSettings")
    return shown


def check(call: Call, shown: Mapping[str, Any]) -> None:
    """Assert what holds whatever was asked: nothing hangs in the air, and the sums are right."""
    versions = shown["versions"]
    names = {function["FunctionName"] for function in versions.values()}
    assert len(versions) == len({(each["FunctionName"], each["Version"]) for each in versions.values()})
    for name in names:
        of_function = {each["Version"] for each in versions.values() if each["FunctionName"] == name}
        assert "$LATEST" in of_function
        aliases = shown[f"aliases of {name}"]
        for alias in aliases:
            weighted = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
            assert {alias["FunctionVersion"], *weighted} <= of_function
        places = {*of_function, *(alias["Name"] for alias in aliases)}
        for kind in ("urls", "event-invoke", "provisioned"):
            for each in shown[f"{kind} of {name}"]:
                arn = each["FunctionArn"]
                assert arn.split(":")[6] == name
                assert (arn.split(":")[7:] or ["$LATEST"])[0] in places, f"{kind}: {arn}"
    for function in versions.values():
        assert _maybe(call, "GetFunction", FunctionName=function["FunctionArn"]) is not None
    _check_account(shown, names)


def _check_account(shown: Mapping[str, Any], names: set[str]) -> None:
    usage = shown["account"]["AccountUsage"]
    assert usage["FunctionCount"] == len(names)
    functions = sum(function["CodeSize"] for function in shown["versions"].values())
    # A deleted layer version is not shown, and stays as long as a function uses it.
    layers = sum(size for kind, size in shown["sizes"].items() if kind.startswith("layer"))
    assert usage["TotalCodeSize"] >= functions + layers
    if not any(function.get("Layers") for function in shown["versions"].values()):
        assert usage["TotalCodeSize"] == functions + layers
    limit = shown["account"]["AccountLimit"]
    assert 0 <= limit["UnreservedConcurrentExecutions"] <= limit["ConcurrentExecutions"]


def _unqualified(versions: list[dict[str, Any]], name: str) -> str:
    arn: str = next(each["FunctionArn"] for each in versions if each["FunctionName"] == name)
    return ":".join(arn.split(":")[:7])


def _maybe(call: Call, operation: str, **params: Any) -> Any:
    """Return the answer, or ``None`` where there is nothing (or nothing yet) to show."""
    try:
        answer = call(operation, **params)
    except NotImplementedException:
        return None
    except ResourceNotFoundException:
        return None
    return {name: value for name, value in answer.items() if name not in _SECRETS}


def _pages(call: Call, operation: str, member: str, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    marker: str | None = None
    for _ in range(100):
        answer = _maybe(call, operation, **params, **({"Marker": marker} if marker else {}))
        if answer is None:
            return found
        found += answer[member]
        marker = answer.get("NextMarker")
        if not marker:
            return found
    raise AssertionError(f"{operation} never ends")
