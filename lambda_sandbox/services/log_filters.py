"""Subscription filters and metric filters on what is written to a log group, in place of moto's, which look at no pattern.

Every line passes here: what functions log is copied promptly where a filter waits for it (``drivers.log_copies``), everything
else comes by ``PutLogEvents``. Source: Amazon CloudWatch Logs API reference, "PutSubscriptionFilter", read 2026-11.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from lambda_sandbox.services.forwarder import Forwarder
from lambda_sandbox.services.log_destinations import check_destination
from lambda_sandbox.services.log_metrics import MetricReporter
from lambda_sandbox.triggers import logs_events
from lambda_sandbox.triggers.delivery import Delivery
from lambda_sandbox.triggers.logs_metrics import MetricFilter
from lambda_sandbox.triggers.logs_patterns import FilterPattern

# AWS: fifteen minutes, in which CloudWatch Logs tries again where a destination is throttled or away.
_PATIENCE_S = 900


def filter_logs(module: Any, forwarder: Forwarder) -> None:
    """Put our filters into ``moto.logs.models``."""
    _deliver_matches(module.LogStream, forwarder)
    _check_subscriptions(module, forwarder)
    _report_metrics(module, MetricReporter())


def answer_requests(module: Any, _: Forwarder) -> None:
    """In ``moto.logs.responses``: refuse what moto would leave out in silence, and try patterns, which moto cannot."""
    put = module.LogsResponse.put_subscription_filter

    def put_subscription_filter(self: Any) -> str:
        for name in ("applyOnTransformedLogs", "emitSystemFields", "fieldSelectionCriteria"):
            if self._get_param(name):
                raise _wrong(f"the sandbox has no {name}: leave it out")
        answer: str = put(self)
        return answer

    def test_metric_filter(self: Any) -> str:
        """POLICY: ``TestMetricFilter`` numbers lines from 1 in ``eventNumber``; AWS's reference shows it, and does not say it."""
        pattern = _pattern(self._get_param("filterPattern"))
        matches = [
            {"eventNumber": number, "eventMessage": message, "extractedValues": values}
            for number, message in enumerate(self._get_param("logEventMessages"), start=1)
            if (values := pattern.extract(message)) is not None
        ]
        return json.dumps({"matches": matches})

    module.LogsResponse.put_subscription_filter = put_subscription_filter
    module.LogsResponse.test_metric_filter = test_metric_filter


def _wrong(message: str) -> Exception:
    exceptions: Any = sys.modules["moto.logs.exceptions"]
    error: Exception = exceptions.InvalidParameterException(message)
    return error


# --- subscriptions ---------------------------------------------------------------------------------------


def _deliver_matches(stream_class: Any, forwarder: Forwarder) -> None:
    send = stream_class._send_log_events

    def send_matches(
        self: Any, service: str, destination_arn: str, filter_name: str, log_events: list[dict[str, Any]]
    ) -> None:
        group = self.log_group
        subscription = group.subscription_filters[filter_name]
        pattern = FilterPattern(subscription.filter_pattern or "")
        matches: list[Any] = [each for each in log_events if pattern.match(each["message"]) is not None]
        if not matches:
            return
        if service != "lambda":
            send(self, service, destination_arn, filter_name, matches)
            return
        events: list[logs_events.LogEvent] = [
            {
                "id": logs_events.event_id(each["timestamp"], each["id"]),
                "timestamp": each["timestamp"],
                "message": each["message"],
            }
            for each in matches
        ]
        for event in logs_events.data_messages(
            self.account_id, group.name, self.log_stream_name, filter_name, events
        ):
            forwarder.deliver(delivery(group, destination_arn, event, subscription.principal))

    stream_class._send_log_events = send_matches


def delivery(group: Any, function_arn: str, event: dict[str, Any], principal: str) -> Delivery:
    """Return what is sent for a log group to a function; ``principal`` is the name by which the function's policy knows Logs."""
    return Delivery(
        function_arn,
        logs_events.json_text(event),
        principal,
        source_arn=f"{group.arn}:*",
        source_account=group.account_id,
        maximum_event_age_s=_PATIENCE_S,
    )


def _check_subscriptions(module: Any, forwarder: Forwarder) -> None:
    put = module.LogsBackend.put_subscription_filter
    put_in_group = module.LogGroup.put_subscription_filter

    def put_subscription_filter(
        self: Any,
        log_group_name: str,
        filter_name: str,
        filter_pattern: str,
        destination_arn: str,
        role_arn: str,
    ) -> None:
        _pattern(filter_pattern)
        group = self.groups.get(log_group_name)
        to_function = group is not None and destination_arn.split(":")[2:3] == ["lambda"]
        principal = check_destination(forwarder, group, destination_arn) if to_function else ""
        put(self, log_group_name, filter_name, filter_pattern, destination_arn, role_arn)
        if to_function:
            group.subscription_filters[filter_name].principal = principal
            event = logs_events.control_message(int(time.time() * 1000))
            forwarder.deliver(delivery(group, destination_arn, event, principal))

    def put_in_log_group(
        self: Any, filter_name: str, filter_pattern: str, destination_arn: str, role_arn: str
    ) -> None:
        known = self.subscription_filters.get(filter_name)
        if known is None:
            put_in_group(self, filter_name, filter_pattern, destination_arn, role_arn)
        else:  # moto counts it as a third one where there are two
            known.update(filter_pattern, destination_arn, role_arn)

    module.LogsBackend.put_subscription_filter = put_subscription_filter
    module.LogGroup.put_subscription_filter = put_in_log_group


def _pattern(text: str | None) -> FilterPattern:
    try:
        return FilterPattern(text or "")
    except ValueError as reason:
        raise _wrong(f"Invalid filter pattern: {reason}") from None


# --- metrics ---------------------------------------------------------------------------------------------


def _report_metrics(module: Any, reporter: MetricReporter) -> None:
    put_events = module.LogStream.put_log_events
    put_filter = module.LogsBackend.put_metric_filter
    delete_filter = module.LogsBackend.delete_metric_filter
    delete_group = module.LogsBackend.delete_log_group

    def put_log_events(self: Any, log_events: list[dict[str, Any]]) -> str:
        token: str = put_events(self, log_events)
        lines = [(each["timestamp"], each["message"]) for each in log_events]
        for compiled in self.log_group.__dict__.get("metric_filters", {}).values():
            reporter.report(self.account_id, self.region, compiled.data_points(lines))
        return token

    def put_metric_filter(
        self: Any, filter_name: str, pattern: str, log_group_name: str, transformations: Any
    ) -> None:
        group = self.groups.get(log_group_name)
        if group is None:
            raise sys.modules["moto.logs.exceptions"].ResourceNotFoundException()
        try:
            compiled = MetricFilter(pattern or "", transformations[0])
        except ValueError as reason:
            raise _wrong(f"Invalid metric filter: {reason}") from None
        delete_filter(self, filter_name, log_group_name)  # moto would have two of one name
        put_filter(self, filter_name, pattern, log_group_name, transformations)
        group.__dict__.setdefault("metric_filters", {})[filter_name] = compiled

    def delete_metric_filter(
        self: Any, filter_name: str | None = None, log_group_name: str | None = None
    ) -> None:
        delete_filter(self, filter_name, log_group_name)
        group = self.groups.get(log_group_name)
        if group is not None:
            group.__dict__.get("metric_filters", {}).pop(filter_name, None)

    def delete_log_group(self: Any, log_group_name: str) -> None:
        delete_group(self, log_group_name)
        for each in self.filters.get_matching_filters(log_group_name=log_group_name):
            delete_filter(self, each["filterName"], log_group_name)  # AWS: they go with their group

    module.LogStream.put_log_events = put_log_events
    module.LogsBackend.put_metric_filter = put_metric_filter
    module.LogsBackend.delete_metric_filter = delete_metric_filter
    module.LogsBackend.delete_log_group = delete_log_group
