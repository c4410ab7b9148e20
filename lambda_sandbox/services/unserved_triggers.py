"""Services that would start functions on AWS, and of which moto keeps only what it is told: refused by name.

A pipe would be RUNNING and read nothing; a user pool would let everybody in without asking its function. And one of which moto
does more than it is good for: Batch would start containers on the machine's own Docker, with whatever of the machine they ask for.

DIFFERS: EventBridge Pipes, Application Auto Scaling and CodeDeploy for functions, the Lambda triggers of Cognito user pools, and
functions of AWS Config, SES and Data Firehose are refused. ``lambda-sandbox send-event`` gives a function the events of the last four.
DIFFERS: AWS Batch runs no jobs in this sandbox, since nothing here starts containers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lambda_sandbox.services.json_texts import texts_under
from lambda_sandbox.services.unavailable import NotEmulated

# Whether a request, moto's response object, asks for what nothing here would do.
Asks = Callable[[Any], bool]


def _always(_: Any) -> bool:
    return True


def _for_lambda(request: Any) -> bool:
    return bool(request._get_param("ServiceNamespace") == "lambda")


def _deploys_functions(request: Any) -> bool:
    return bool(request._get_param("computePlatform") == "Lambda")


def _user_pool(request: Any) -> bool:
    return bool(request._get_param("LambdaConfig"))


def _custom_rule(request: Any) -> bool:
    return bool((request._get_param("ConfigRule") or {}).get("Source", {}).get("Owner") == "CUSTOM_LAMBDA")


def _mail(request: Any) -> bool:
    return any("LambdaAction" in action for action in (request._get_param("Rule") or {}).get("Actions", ()))


def _transforms(request: Any) -> bool:
    given = [request._get_param(f"ExtendedS3Destination{end}") for end in ("Configuration", "Update")]
    return "Lambda" in texts_under("Type", given)


_SEND = "`lambda-sandbox send-event {} FUNCTION` gives a function the event that it would get."
_PIPES = (
    "EventBridge Pipes does not run in this sandbox, and its pipe would read nothing. Use an event source mapping of the "
    "function, or a rule of EventBridge."
)
_SCALING = "Application Auto Scaling does not scale functions in this sandbox: set the number with PutProvisionedConcurrencyConfig."
_DEPLOYING = "CodeDeploy does not deploy functions in this sandbox: shift traffic with UpdateAlias and the weights of its RoutingConfig."
_SIGN_UP = "The user pools of this sandbox call no functions: leave LambdaConfig out. " + _SEND.format(
    "cognito-userpool"
)
_RULES = "AWS Config calls no functions in this sandbox. " + _SEND.format("config")
_MAIL = "SES calls no functions in this sandbox: leave LambdaAction out. " + _SEND.format("ses")
_JOBS = "AWS Batch runs no jobs in this sandbox, which starts no containers: have a function do the work."
_STREAMS = (
    "Data Firehose calls no functions in this sandbox: leave the Lambda processor out. "
    + _SEND.format("firehose")
)

# moto's module, its class, the operations, what they must not ask for, and what is said then.
_TABLE: tuple[tuple[str, str, tuple[str, ...], Asks, str], ...] = (
    ("batch", "BatchResponse", ("submitjob",), _always, _JOBS),
    ("pipes", "EventBridgePipesResponse", ("create_pipe",), _always, _PIPES),
    (
        "applicationautoscaling",
        "ApplicationAutoScalingResponse",
        ("register_scalable_target", "put_scaling_policy", "put_scheduled_action"),
        _for_lambda,
        _SCALING,
    ),
    ("codedeploy", "CodeDeployResponse", ("create_application",), _deploys_functions, _DEPLOYING),
    ("cognitoidp", "CognitoIdpResponse", ("create_user_pool", "update_user_pool"), _user_pool, _SIGN_UP),
    ("config", "ConfigResponse", ("put_config_rule",), _custom_rule, _RULES),
    ("ses", "EmailResponse", ("create_receipt_rule", "update_receipt_rule"), _mail, _MAIL),
    (
        "firehose",
        "FirehoseResponse",
        ("create_delivery_stream", "update_destination"),
        _transforms,
        _STREAMS,
    ),
)


def hooks() -> list[tuple[str, Callable[[Any], None]]]:
    """Return which of moto's modules is changed by which function, once it is loaded."""
    return [
        (f"moto.{name}.responses", _refusing(kind, operations, asks, sentence))
        for name, kind, operations, asks, sentence in _TABLE
    ]


def _refusing(kind: str, operations: tuple[str, ...], asks: Asks, sentence: str) -> Callable[[Any], None]:
    def install(module: Any) -> None:
        for operation in operations:
            setattr(
                getattr(module, kind),
                operation,
                _guarded(getattr(getattr(module, kind), operation), asks, sentence),
            )

    return install


def _guarded(operation: Callable[[Any], Any], asks: Asks, sentence: str) -> Callable[[Any], Any]:
    def guarded(self: Any) -> Any:
        if asks(self):
            raise NotEmulated(sentence)
        return operation(self)

    return guarded
