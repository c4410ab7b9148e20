"""Where durable executions are kept: with ``--state`` they go on after a restart. They go with their function or version."""

from __future__ import annotations

from collections import defaultdict

from lambda_sandbox.control_plane.store import Store
from lambda_sandbox.durable.machine import Machine
from lambda_sandbox.durable.states import Execution, HistoryEvent, Operation


class DurableStore:
    """Every write is durable when it returns."""

    def __init__(self, store: Store) -> None:
        self._database = store.database
        self._executions = store.of_functions(
            "durable-execution", Execution, lambda each: (each.function_name, each.version, each.execution_id)
        )
        self._operations = store.of_functions(
            "durable-operation",
            Operation,
            lambda each: (each.function_name, each.version, each.execution_id, each.id),
        )
        self._events = store.of_functions(
            "durable-event",
            HistoryEvent,
            lambda each: (each.function_name, each.version, each.execution_id, f"{each.event_id:06}"),
        )

    def machines(self) -> list[Machine]:
        """Return what was kept, the oldest execution first."""
        operations: defaultdict[str, list[Operation]] = defaultdict(list)
        events: defaultdict[str, list[HistoryEvent]] = defaultdict(list)
        for operation in self._operations.all():
            operations[operation.execution_id].append(operation)
        for event in self._events.all():
            events[event.execution_id].append(event)
        return [
            Machine(
                each,
                sorted(operations[each.execution_id], key=lambda operation: operation.number),
                sorted(events[each.execution_id], key=lambda event: event.event_id),
            )
            for each in sorted(self._executions.all(), key=lambda each: each.started_at)
        ]

    def has(self, execution: Execution) -> bool:
        """Whether the execution is still there: it goes with its function and with its version."""
        key = (execution.function_name, execution.version, execution.execution_id)
        return self._executions.get(execution.account_id, execution.region, *key) is not None

    def keep(self, machine: Machine) -> None:
        """Keep what changed since the last time."""
        operations, events = machine.take_changes()
        with self._database.transaction():
            self._executions.put(machine.execution)
            for operation in operations:
                self._operations.put(operation)
            for event in events:
                self._events.put(event)

    def forget(self, execution: Execution) -> None:
        under = (execution.function_name, execution.version, execution.execution_id)
        with self._database.transaction():
            for collection in (self._executions, self._operations, self._events):
                collection.delete_under(execution.account_id, execution.region, *under)
