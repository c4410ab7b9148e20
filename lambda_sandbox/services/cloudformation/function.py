"""AWS::Lambda::Function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambda_sandbox.services.cloudformation.inline_code import packaged
from lambda_sandbox.services.cloudformation.resource import Properties, Resource, members_of, retag, tag_map

# What a property that leaves the template goes back to.
_DEFAULTS: dict[str, Any] = {
    "DeadLetterConfig": {},
    "Description": "",
    "Environment": {"Variables": {}},
    "EphemeralStorage": {"Size": 512},
    "FileSystemConfigs": [],
    "ImageConfig": {},
    "KmsKeyArn": "",
    "Layers": [],
    "LoggingConfig": {"LogFormat": "Text"},
    "MemorySize": 128,
    "SnapStart": {"ApplyOn": "None"},
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
    "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []},
}
# Properties that have operations of their own: property -> (operation that puts it, operation that takes it away).
_APART: dict[str, tuple[str, str | None]] = {
    "CodeSigningConfigArn": ("PutFunctionCodeSigningConfig", "DeleteFunctionCodeSigningConfig"),
    "RecursiveLoop": ("PutFunctionRecursionConfig", None),
    "ReservedConcurrentExecutions": ("PutFunctionConcurrency", "DeleteFunctionConcurrency"),
    "RuntimeManagementConfig": ("PutRuntimeManagementConfig", None),
}
_APART_DEFAULTS = {"RecursiveLoop": "Terminate", "RuntimeManagementConfig": {"UpdateRuntimeOn": "Auto"}}
_CODE = frozenset({"Code", "Architectures"})


class Function(Resource):
    """Ref gives its name."""

    TYPE = "AWS::Lambda::Function"
    NAME = "FunctionName"
    UNIQUE = True
    FIXED = frozenset(
        {"FunctionName", "PackageType", "DurableConfig", "CapacityProviderConfig", "TenancyConfig"}
    )
    KNOWN = frozenset({"Code", "Architectures", "Role", "Handler", "Runtime", "Tags", *_DEFAULTS, *_APART})
    REQUIRED = frozenset({"Code", "Role"})
    ATTRIBUTES = frozenset({"Arn", "SnapStartResponse.ApplyOn", "SnapStartResponse.OptimizationStatus"})

    def create(self) -> None:
        params = self.given("CreateFunction") | {"FunctionName": self.name, "Code": self._code()}
        for apart in _APART.keys() - {"CodeSigningConfigArn"}:
            params.pop(apart, None)
        answer = self.api.call("CreateFunction", **params | {"Tags": tag_map(self.properties.get("Tags"))})
        self.physical_resource_id = answer["FunctionName"]
        snap_start = answer.get("SnapStart", {})
        self.attributes = {"Arn": answer["FunctionArn"]} | {
            f"SnapStartResponse.{name}": value for name, value in snap_start.items()
        }
        self.api.wait_until_ready(self.name)
        for name in _APART.keys() & self.properties.keys() - {"CodeSigningConfigArn"}:
            self._put_apart(name)

    def change(self, old: Properties) -> None:
        changed = {
            name for name in self.properties.keys() | old.keys() if self.properties.get(name) != old.get(name)
        }
        configuration = {name: self.properties.get(name, _DEFAULTS.get(name)) for name in changed}
        configuration = members_of(self.api, "UpdateFunctionConfiguration", configuration)
        if configuration:
            self.api.call("UpdateFunctionConfiguration", FunctionName=self.name, **configuration)
            self.api.wait_until_ready(self.name)
        if changed & _CODE:
            self._change_code()
        if "Tags" in changed:
            retag(self.api, self.attributes["Arn"], old.get("Tags"), self.properties.get("Tags"))
        for name in sorted(_APART.keys() & changed):
            self._put_apart(name)

    def remove(self) -> None:
        self.api.call_if_there("DeleteFunction", FunctionName=self.name)

    def _change_code(self) -> None:
        architectures = self.properties.get("Architectures")
        code = self._code()
        self.api.call("UpdateFunctionCode", FunctionName=self.name, Architectures=architectures, **code)
        self.api.wait_until_ready(self.name)

    def _put_apart(self, name: str) -> None:
        put, take = _APART[name]
        value = self.properties.get(name, _APART_DEFAULTS.get(name))
        if value is None and take is not None:
            self.api.call_if_there(take, FunctionName=self.name)
        else:
            given = value if isinstance(value, Mapping) else {name: value}
            self.api.call(put, FunctionName=self.name, **given)

    def _code(self) -> Properties:
        code = dict(self.properties["Code"])
        text = code.get("ZipFile")
        if text is not None:
            code["ZipFile"] = packaged(text, str(self.properties.get("Runtime", "")))
        return code
