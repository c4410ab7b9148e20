"""The policies of functions, versions and aliases as they are kept, and what they allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lambda_sandbox.control_plane.database import Collection
from lambda_sandbox.control_plane.store import Store
from lambda_sandbox.errors import AccessDeniedException
from lambda_sandbox.iam import denial
from lambda_sandbox.iam.evaluation import Access, Decision, Principal, evaluate
from lambda_sandbox.iam.policy import Statement, parse
from lambda_sandbox.resources import Caller, FunctionUrl

INVOKE = "lambda:InvokeFunction"
INVOKE_URL = "lambda:InvokeFunctionUrl"


@dataclass(frozen=True, slots=True)
class FunctionPolicy:
    """The policy of a function (``qualifier`` empty), a version or an alias; ``document`` is its JSON."""

    account_id: str
    region: str
    function_name: str
    qualifier: str
    revision_id: str
    document: str


def policies(store: Store) -> Collection[FunctionPolicy]:
    """Return the policies of all accounts; they go when their function goes."""
    return store.of_functions(
        "function-policy", FunctionPolicy, lambda each: (each.function_name, each.qualifier)
    )


def statements(
    store: Store, account_id: str, region: str, name: str, qualifier: str
) -> tuple[Statement, ...]:
    """Return the statements that hold for one ARN of a function, empty where it has no policy."""
    kept = policies(store).get(account_id, region, name, qualifier)
    return parse(kept.document) if kept else ()


def authorize(store: Store, action: str, function_arn: str, caller: Caller) -> None:
    """Refuse a caller of another account whom no policy of the function allows ``action`` (``lambda:...``).

    ``function_arn`` carries the qualifier that was asked for. Within an account nothing is refused here. Raises
    ``AccessDeniedException``.
    """
    account = function_arn.split(":")[4]
    if account == caller.account_id:
        return
    who = Principal(f"arn:aws:iam::{caller.account_id}:root", caller.account_id, trusted=True, unknown=True)
    access = Access(who, action, function_arn, account)
    decision = evaluate(access, of_arn(store, function_arn))
    if not decision.allowed:
        raise AccessDeniedException(denial.message(access, decision))


def of_arn(store: Store, function_arn: str) -> tuple[Statement, ...]:
    """Return the statements that hold for a function's ARN, which may carry a qualifier."""
    _, _, _, region, account, _, name, *qualifier = function_arn.split(":")
    return statements(store, account, region, name, qualifier[0] if qualifier else "")


def refusal_of_url(store: Store, url: FunctionUrl, who: Principal | None) -> str:
    """Return why a request may not reach a function through its URL, or an empty string.

    ``who`` is ``None`` for a caller who did not sign. AWS: since 2025-10 both ``lambda:InvokeFunctionUrl`` and
    ``lambda:InvokeFunction`` must be allowed, the latter for requests that come through the URL.
    """
    anonymous = Principal("anonymous", "", trusted=True)  # nobody's account has a say
    context: Mapping[str, tuple[str, ...]] = {
        "lambda:functionurlauthtype": (url.auth_type,),
        "lambda:invokedviafunctionurl": ("true",),
    }
    policy = of_arn(store, url.function_arn)
    for action in (INVOKE_URL, INVOKE):
        access = Access(who or anonymous, action, url.function_arn, url.account_id, context)
        decision: Decision = evaluate(access, policy)
        if not decision.allowed:
            return denial.explanation(access, decision, policy)
    return ""
