"""Layer versions as they are kept, and what functions ask of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lambda_sandbox import quotas
from lambda_sandbox.control_plane.context import Context
from lambda_sandbox.control_plane.database import Collection
from lambda_sandbox.control_plane.store import Store
from lambda_sandbox.errors import AccessDeniedException, InvalidParameterValueException
from lambda_sandbox.iam import denial
from lambda_sandbox.iam.evaluation import Access, Decision, Principal, evaluate
from lambda_sandbox.iam.policy import Statement, parse
from lambda_sandbox.resources import Caller, LayerReference

GET_LAYER_VERSION = "lambda:GetLayerVersion"
_ARN = re.compile(
    r"(?P<layer>arn:[^:]+:lambda:(?P<region>[^:]+):(?P<account>\d{12}):layer:(?P<name>[a-zA-Z0-9-_]+)):(?P<version>\d+)"
)


@dataclass(frozen=True, slots=True)
class LayerVersion:
    """One version of a layer; it never changes. ``code_size`` is bytes of the zip; ``created`` AWS's ISO text.

    A version that was deleted stays as a mark with ``deleted`` set, so that its number is never given out again.
    """

    account_id: str
    region: str
    layer_name: str
    version: int
    code_sha256: str
    code_size: int
    created: str
    description: str = ""
    license_info: str = ""
    compatible_runtimes: tuple[str, ...] = ()
    compatible_architectures: tuple[str, ...] = ()
    deleted: bool = False

    @property
    def layer_arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account_id}:layer:{self.layer_name}"

    @property
    def arn(self) -> str:
        return f"{self.layer_arn}:{self.version}"


@dataclass(frozen=True, slots=True)
class LayerPolicy:
    """The permissions of one layer version; ``document`` is the policy's JSON."""

    account_id: str
    region: str
    layer_name: str
    version: int
    revision_id: str
    document: str


def versions(store: Store) -> Collection[LayerVersion]:
    """Return the layer versions of all accounts, those that were deleted among them, by name and number."""
    return store.collection(
        "layer-version", LayerVersion, lambda each: (each.layer_name, f"{each.version:010d}")
    )


def policies(store: Store) -> Collection[LayerPolicy]:
    return store.collection(
        "layer-policy", LayerPolicy, lambda each: (each.layer_name, f"{each.version:010d}")
    )


def find(store: Store, arn: str) -> LayerVersion | None:
    """Return the layer version with this ARN, unless it was deleted."""
    named = _ARN.fullmatch(arn)
    if named is None:
        return None
    number = f"{int(named['version']):010d}"
    found = versions(store).get(named["account"], named["region"], named["name"], number)
    return None if found is None or found.deleted else found


def statements(store: Store, layer: LayerVersion) -> tuple[Statement, ...]:
    """Return the policy of a layer version, empty where it has none."""
    kept = policies(store).get(layer.account_id, layer.region, layer.layer_name, f"{layer.version:010d}")
    return parse(kept.document) if kept else ()


def check_access(store: Store, arn: str, layer: LayerVersion | None, caller: Caller) -> None:
    """Refuse a layer version of another account that grants nothing to the caller's, and one that is not there.

    Raises ``AccessDeniedException``. Within an account nothing is refused here.
    """
    account = arn.split(":")[4]
    if account == caller.account_id:
        return
    who = Principal(f"arn:aws:iam::{caller.account_id}:root", caller.account_id, trusted=True, unknown=True)
    access = Access(who, GET_LAYER_VERSION, arn, account)
    decision = (
        evaluate(access, statements(store, layer)) if layer else Decision(False, "resource-based policy")
    )
    if not decision.allowed:
        raise AccessDeniedException(denial.message(access, decision))


def references(
    context: Context, arns: Sequence[str], caller: Caller, code_sha256: str | None = None
) -> tuple[LayerReference, ...]:
    """Return the layers of a function in the order given; with ``code_sha256``, checked together with its package.

    AWS holds a function neither to its layers' compatible runtimes nor to their architectures. Raises
    ``InvalidParameterValueException`` and, for a layer of another account, ``AccessDeniedException``.
    """
    if len(arns) > quotas.LAYERS_PER_FUNCTION:
        raise InvalidParameterValueException(  # UNCONFIRMED: wording
            f"Cannot reference more than {quotas.LAYERS_PER_FUNCTION} layers."
        )
    _check_distinct(arns)
    found = tuple(_reference(context.store, arn, caller) for arn in arns)
    if code_sha256 is not None:
        check_size(context, found, code_sha256)
    return found


def check_size(context: Context, layers: Sequence[LayerReference], code_sha256: str) -> None:
    """Refuse a package that is over 250 MB unpacked together with its layers."""
    if not layers:
        return
    packages = [code_sha256, *(layer.code_sha256 for layer in layers)]
    size = sum(context.code.unpacked_bytes(each) for each in packages)
    if size > quotas.UNZIPPED_BYTES:
        raise InvalidParameterValueException(
            "Function code combined with layers exceeds the maximum allowed size of "
            f"{quotas.UNZIPPED_BYTES} bytes. The actual size is {size} bytes."
        )


def packages_in_use(store: Store) -> set[str]:
    """Return the packages that a function or a layer version needs; layers that were deleted count while used."""
    used = {each.code_sha256 for each in versions(store).all() if not each.deleted}
    for function in store.all_functions():
        if function.package_type == "Zip":
            used.add(function.code_sha256)
        used.update(layer.code_sha256 for layer in function.layers)
    return used


def _check_distinct(arns: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for arn in arns:
        layer = arn.rpartition(":")[0]
        if layer in seen:
            raise InvalidParameterValueException(
                "Two different versions of the same layer are not allowed to be referenced in the same function. "
                f"{seen[layer]} and {arn} are versions of the same layer."
            )
        seen[layer] = arn


def _reference(store: Store, arn: str, caller: Caller) -> LayerReference:
    named = _ARN.fullmatch(arn)
    if named is None:  # the model lets AWS's own layers through: arn:aws:lambda:::awslayer:NAME
        raise InvalidParameterValueException(f"Layer version {arn} does not exist.")
    if named["region"] != caller.region:
        raise InvalidParameterValueException(  # UNCONFIRMED: wording
            "Layers are not in the same region as the function. "
            f"Layers are expected to be in region {caller.region}."
        )
    layer = find(store, arn)
    check_access(store, arn, layer, caller)
    if layer is None:
        raise InvalidParameterValueException(f"Layer version {arn} does not exist.")
    return LayerReference(layer.arn, layer.code_sha256, layer.code_size)
