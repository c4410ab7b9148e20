"""The control plane: dispatch by operation name, and the questions that the rest of the sandbox asks."""

from __future__ import annotations

from collections.abc import Mapping
from threading import RLock
from typing import Any

from lambda_sandbox.control_plane import (
    account_settings,
    aliases,
    capacity_providers,
    code_signing,
    concurrency,
    durable_executions,
    event_invoke_configs,
    event_source_mappings,
    function_policies,
    function_urls,
    functions,
    layer_permissions,
    layer_versions,
    layers,
    policies,
    provisioned_concurrency,
    recursion,
    runtime_management,
    scaling,
    tags,
    versions,
)
from lambda_sandbox.control_plane.context import Context, Operations
from lambda_sandbox.control_plane.coverage import SEE, Coverage
from lambda_sandbox.control_plane.cross_account import acting_caller
from lambda_sandbox.control_plane.layer_versions import packages_in_use
from lambda_sandbox.control_plane.routing import Route, Router
from lambda_sandbox.errors import NotImplementedException
from lambda_sandbox.iam.evaluation import Principal
from lambda_sandbox.iam.policy import Statement
from lambda_sandbox.resources import (
    LATEST,
    Caller,
    EventInvokeConfig,
    EventSourceMapping,
    FunctionConfiguration,
    FunctionUrl,
)

# One class a resource: ``operations`` by name, and in its module the ``COVERAGE`` that requests are held to.
_RESOURCES = (
    (functions, functions.Functions),
    (versions, versions.Versions),
    (aliases, aliases.Aliases),
    (code_signing, code_signing.CodeSigningConfigs),
    (runtime_management, runtime_management.RuntimeManagementConfigs),
    (recursion, recursion.RecursionConfigs),
    (tags, tags.Tags),
    (event_source_mappings, event_source_mappings.EventSourceMappings),
    (account_settings, account_settings.AccountSettings),
    (concurrency, concurrency.Concurrency),
    (provisioned_concurrency, provisioned_concurrency.ProvisionedConcurrencyConfigs),
    (event_invoke_configs, event_invoke_configs.EventInvokeConfigs),
    (capacity_providers, capacity_providers.CapacityProviders),
    (scaling, scaling.FunctionScaling),
    (durable_executions, durable_executions.DurableExecutions),
    (layers, layers.Layers),
    (layer_permissions, layer_permissions.LayerPermissions),
    (policies, policies.Policies),
    (function_urls, function_urls.FunctionUrls),
)
COVERAGE: dict[str, Coverage] = {
    operation: coverage for module, _ in _RESOURCES for operation, coverage in module.COVERAGE.items()
}


class ControlPlane:
    """What exists. ``call`` may block on the disk and on ``fetch_object``; ``resolve`` and ``mappings`` never do."""

    def __init__(self, context: Context) -> None:
        """Take over the context's store and code, and remove packages that no function uses."""
        self.context = context
        self.store = context.store
        self.code = context.code
        self._lock = RLock()
        self._router = Router(context)
        rooms = [resource(context) for _, resource in _RESOURCES]
        self._functions = next(room for room in rooms if isinstance(room, functions.Functions))
        self._layers = next(room for room in rooms if isinstance(room, layers.Layers))
        self._urls = next(room for room in rooms if isinstance(room, function_urls.FunctionUrls))
        self._operations: Operations = {
            name: operation for room in rooms for name, operation in room.operations.items()
        }
        self.code.sweep(packages_in_use(self.store))

    def call(self, operation: str, params: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
        """Carry out an operation; ``params`` and the answer have AWS's casing. Raises ``ApiError``.

        Every write is on disk when this returns.
        """
        perform = self._operations.get(operation)
        if perform is None:
            raise NotImplementedException(f"{operation} is not emulated by this sandbox yet; {SEE}.")
        COVERAGE[operation].refuse_others(operation, params)
        with self._lock:
            return perform(params, acting_caller(operation, params, caller, self.authorize))

    def resolve(self, function_name: str, qualifier: str | None, caller: Caller) -> FunctionConfiguration:
        """Return the version that runs one invocation by this name; a weighted alias draws. Raises as ``route`` does."""
        return self.choose(self.route(function_name, qualifier, caller))[0]

    def route(self, function_name: str, qualifier: str | None, caller: Caller) -> Route:
        """Return where invocations by a name, ARN or partial ARN go; it holds until ``on_change`` hears of the function.

        Raises ``ResourceNotFoundException``, ``ResourceConflictException`` while the function is being created, and
        ``AccessDeniedException`` for a function of another account whose policy does not let the caller invoke it.
        """
        return self._router.route(function_name, qualifier, caller, self.authorize)

    def choose(self, route: Route) -> tuple[FunctionConfiguration, str]:
        """Return the version for the next invocation along ``route`` and why, empty where there was no choice."""
        return self._router.choose(route)

    def event_invoke_config(self, function_arn: str, qualifier: str) -> EventInvokeConfig | None:
        """Return how asynchronous events of a qualifier are treated; ``function_arn`` is unqualified.

        An empty qualifier is ``$LATEST``'s.
        """
        _, _, _, region, account_id, _, name = function_arn.split(":")
        return self.store.event_invoke_configs.get(account_id, region, name, qualifier or LATEST)

    def function_url(self, url_id: str) -> FunctionUrl | None:
        """Return the function URL whose host name begins with ``url_id``; any thread may ask."""
        return self._urls.by_id(url_id)

    def refusal_of_url(self, url: FunctionUrl, who: Principal | None) -> str:
        """Return which statement ``who`` lacks to reach a function through its URL; empty when none is missing."""
        return function_policies.refusal_of_url(self.store, url, who)

    def resource_policy(self, arn: str) -> tuple[Statement, ...]:
        """Return the statements on the ARN of a function, with its qualifier, or of a layer version."""
        if arn.split(":")[5:6] == ["layer"]:
            layer = layer_versions.find(self.store, arn)
            return layer_versions.statements(self.store, layer) if layer is not None else ()
        is_function = arn.split(":")[5:6] == ["function"]
        return function_policies.of_arn(self.store, arn) if is_function else ()

    def authorize(self, action: str, function_arn: str, caller: Caller) -> None:
        """Refuse a caller of another account whom the policy of the ARN does not allow ``action`` (``lambda:...``).

        Raises ``AccessDeniedException``. Within an account nothing is refused here.
        """
        function_policies.authorize(self.store, action, function_arn, caller)

    def mappings(self) -> list[EventSourceMapping]:
        """Return every mapping of every account and Region; its function may have been deleted since."""
        return self.store.mappings()

    def code_zip(self, token: str) -> bytes | None:
        """Return the package behind ``/_sandbox/code/<token>``, or ``None`` for an unknown or expired token."""
        return self._functions.locations.open(token) or self._layers.locations.open(token)

    def reset(self) -> None:
        """Forget every function, mapping, tag and queued event, and all code."""
        with self._lock:
            self.store.clear()
            self.code.sweep(())

    def close(self) -> None:
        self.store.close()
        self.code.close()
