"""Topic rules of AWS IoT, which moto keeps and never carries out. ``iot_actions`` says what they do with a message.

Messages come through the IoT data API, or from a real MQTT broker where one is named (``services.mqtt_broker``).
Source: AWS IoT Core Developer Guide, "Rules for AWS IoT" and "Reducing messaging costs with Basic Ingest", read 2026-11.

DIFFERS: an IoT rule without ``awsIotSqlVersion`` is read as version 2016-03-23, as the console sets it. AWS's API takes 2015-10-08:
name the version.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

from lambda_sandbox.services import iot_actions
from lambda_sandbox.services.forwarder import Forwarder
from lambda_sandbox.services.iot_error_actions import Attempt, ErrorActions
from lambda_sandbox.services.mqtt_broker import BROKER_VARIABLE, Broker, BrokerUnavailable
from lambda_sandbox.triggers import iot_sql, iot_topics
from lambda_sandbox.triggers.iot_functions import UNDEFINED, Message

_BASIC_INGEST = "$aws/rules/"
_MAX_BYTES = 128 * 1024


def check_rules(module: Any, forwarder: Forwarder) -> None:
    """In ``moto.iot.models``: compile each rule as it is created, and listen to the broker if there is one."""
    backend_class = module.IoTBackend
    create, replace = backend_class.create_topic_rule, backend_class.replace_topic_rule

    def create_topic_rule(self: Any, rule_name: str, sql: str, **settings: Any) -> None:
        statement = _checked(sql, settings)
        create(self, rule_name, sql=sql, **settings)
        rule = self.rules[rule_name]
        rule.statement, rule.topic_pattern = statement, statement.topic_filter

    def replace_topic_rule(self: Any, rule_name: str, **settings: Any) -> None:
        # moto deletes the old rule first: what is wrong with the new one has to be said before that.
        _checked(settings["sql"], {name: value for name, value in settings.items() if name != "sql"})
        replace(self, rule_name, **settings)

    backend_class.create_topic_rule = create_topic_rule
    backend_class.replace_topic_rule = replace_topic_rule
    backend_class.error_actions = ErrorActions(forwarder)
    if os.environ.get(BROKER_VARIABLE):
        _listen(module, forwarder)


def run_rules(module: Any, forwarder: Forwarder) -> None:
    """In ``moto.iotdata.models``: a message that is published starts the rules that take its topic."""
    publish = module.IoTDataPlaneBackend.publish

    def publish_and_run(self: Any, topic: str, payload: Any) -> None:
        data = payload if isinstance(payload, bytes) else str(payload or "").encode()
        _check_message(module, topic, data)
        publish(self, topic, data)
        broker = self.iot_backend.__class__.__dict__.get("broker")
        if broker is None or topic.startswith("$aws/"):
            _run(self.iot_backend, forwarder, topic, data)
            return
        try:
            broker.publish(topic, data)  # it comes back to us, and to every other subscriber
        except BrokerUnavailable as problem:
            raise _error("InternalFailureException", str(problem), 500) from None

    module.IoTDataPlaneBackend.publish = publish_and_run


# --- rules -----------------------------------------------------------------------------------------------


def _checked(sql: str, settings: dict[str, Any]) -> iot_sql.Statement:
    version = settings.get("aws_iot_sql_version") or iot_sql.VERSION
    if version != iot_sql.VERSION:
        raise _error("SqlParseException", f"the sandbox has AWS IoT SQL {iot_sql.VERSION}, not {version}")
    on_error = settings.get("error_action")
    for action in [*(settings.get("actions") or []), *([on_error] if on_error else [])]:
        _check_action(action)
    try:
        return iot_sql.parse(sql)
    except ValueError as reason:
        raise _error("SqlParseException", f"The SQL cannot be parsed: {reason}") from None


def _check_action(action: dict[str, Any]) -> None:
    why = iot_actions.problem(action)
    if why:
        raise _error("InvalidRequestException", why)


def _error(code: str, message: str, status: int = 400) -> Exception:
    exceptions: Any = sys.modules["moto.core.exceptions"]
    error = exceptions.JsonRESTError(code, message)
    error.code = status
    found: Exception = error
    return found


def _check_message(module: Any, topic: str, payload: bytes) -> None:
    try:
        iot_topics.check_topic(topic)
    except ValueError as reason:
        raise module.InvalidRequestException(str(reason)) from None
    if len(payload) > _MAX_BYTES:
        raise module.InvalidRequestException(f"a message has at most {_MAX_BYTES} bytes")


def _run(backend: Any, forwarder: Forwarder, topic: str, payload: bytes) -> None:
    for rule, seen in list(_rules(backend, topic)):
        message = Message(seen, payload, int(time.time() * 1000))
        result = rule.statement.result(message)
        if result is UNDEFINED:
            continue
        text = json.dumps(result)
        if rule.error_action:
            backend.error_actions.attempt(Attempt(rule, message, text))
            continue
        for action in rule.actions:
            forwarder.deliver(iot_actions.delivery(action, rule, text))


def _rules(backend: Any, topic: str) -> Iterator[tuple[Any, str]]:
    """Yield the rules that take a message, each with the topic that it sees."""
    if topic.startswith(_BASIC_INGEST):
        name, _, rest = topic.removeprefix(_BASIC_INGEST).partition("/")
        rule = backend.rules.get(name)
        if rule is not None and not rule.rule_disabled:
            yield rule, rest
        return
    for rule in backend.rules.values():
        if not rule.rule_disabled and rule.statement.takes(topic):
            yield rule, topic


# --- the broker ------------------------------------------------------------------------------------------


def _listen(module: Any, forwarder: Forwarder) -> None:
    address, account_id, region = os.environ[BROKER_VARIABLE].split(" ")

    def arrived(topic: str, payload: bytes) -> None:
        _run(module.iot_backends[account_id][region], forwarder, topic, payload)

    module.IoTBackend.broker = Broker(address, arrived)
