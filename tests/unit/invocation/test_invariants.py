"""Whatever happens in whatever order: nothing runs twice, nothing is lost, every count fits what is there."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lambda_sandbox.invocation import messages
from lambda_sandbox.invocation.environment import Environment, State
from lambda_sandbox.invocation.messages import InvocationType
from lambda_sandbox.resources import Exit, FunctionConfiguration
from tests.unit.invocation.stage import Stage, function

_FUNCTIONS = [
    function(),
    function("reserved", reserved_concurrency=2),
    function("version", version="1", snap_start="PublishedVersions"),
    function("kept", version="1"),
    function("abroad", region="eu-west-1"),
]
_KEPT = _FUNCTIONS[3]
_STEPS = (
    "invoke", "invoke", "invoke", "event", "next", "next", "next", "respond", "respond", "error", "init_error",
    "exit", "register", "extension_next", "extension_error", "restore_next", "advance", "advance", "provision",
    "update", "delete", "snapshot",
)  # fmt: skip


class Chaos(Stage):
    """Sends signals drawn at random, in and out of place, and looks at the core after each."""

    def __init__(self, seed: int) -> None:
        super().__init__(account_limit=6, idle_lifetime_s=20.0)
        self.random = Random(seed)
        self.accepted: list[messages.Invocation] = []
        self.deleted: set[str] = set()
        self.started: dict[str, Environment] = {}
        self.played: list[messages.Action] = []

    def take(self, actions: list[messages.Action]) -> list[messages.Action]:
        self.played += actions
        return super().take(actions)

    def step(self, name: str) -> None:
        getattr(self, f"do_{name}")()
        self.look()

    def look(self) -> None:
        for start in self.of(messages.StartEnvironment):
            self.started[start.environment.environment_id] = start.environment
        pool, concurrency = self.core.pool, self.core.concurrency
        busy = [e for e in pool.environments.values() if e.invocation is not None]
        for arn in {f.arn for f in _FUNCTIONS}:
            share = concurrency.function(arn)
            assert share.in_use >= 0
            assert share.provisioned_in_use >= 0
            assert concurrency.in_use(arn) == sum(e.function.arn == arn for e in busy)
        for region in ("us-east-1", "eu-west-1"):
            account = concurrency.account("000000000000", region)
            assert account.in_use == sum(e.function.region == region for e in busy)
            assert 0 <= account.unreserved_in_use <= account.in_use
            assert account.provisioned >= 0
        out = [e.invocation.request_id for e in busy if e.invocation]
        assert len(out) == len(set(out))
        for environment in self.started.values():
            alive = environment.environment_id in pool.environments
            assert alive == (environment.state is not State.STOPPED)
            assert alive or not environment.free
        completed = Counter(a.invocation.request_id for a in self.of(messages.Complete))
        assert not [key for key, times in completed.items() if times > 1]

    def environment(self) -> str:
        there = list(self.core.pool.environments)
        return self.random.choice(there) if there else "none"

    def request_id(self, environment_id: str) -> str:
        environment = self.core.pool.environments.get(environment_id)
        held = environment.invocation if environment is not None else None
        return held.request_id if held is not None and self.random.random() < 0.9 else "forged"

    def target(self) -> FunctionConfiguration:
        return self.random.choice(_FUNCTIONS)

    def do_invoke(self) -> None:
        self.accepted.append(self.invoke(self.target()))

    def do_event(self) -> None:
        self.accepted.append(self.invoke(self.target(), event=True))

    def do_next(self) -> None:
        self.take(self.core.runtime_next(self.environment()))

    def do_respond(self) -> None:
        key = self.environment()
        self.take(self.core.runtime_response(key, self.request_id(key), b"1", 40))

    def do_error(self) -> None:
        key = self.environment()
        self.take(self.core.runtime_error(key, self.request_id(key), b"{}", "Boom", 40))

    def do_init_error(self) -> None:
        self.take(self.core.runtime_init_error(self.environment(), b"{}", "Boom"))

    def do_exit(self) -> None:
        self.take(self.core.environment_exited(self.environment(), Exit(code=1), 40))

    def do_register(self) -> None:
        external = self.random.random() < 0.5
        events = self.random.choice([("INVOKE",), ("SHUTDOWN",), ("INVOKE", "SHUTDOWN"), ()])
        self.take(self.core.extension_registered(self.environment(), "extension", external, events))

    def do_extension_next(self) -> None:
        key = self.environment()
        environment = self.core.pool.environments.get(key)
        name = environment.extension_id("extension") if environment is not None else ""
        self.take(self.core.extension_next(key, name))

    def do_extension_error(self) -> None:
        environment_id = self.environment()
        environment = self.core.pool.environments.get(environment_id)
        known = list(environment.extensions) if environment is not None else []
        if known and self.random.random() < 0.5:
            kind = self.random.choice(["InitError", "ExitError"])
            self.take(self.core.extension_error(environment_id, known[0], kind, "Extension.NoToken"))
        else:
            self.take(self.core.extension_exited(environment_id, Exit(code=1)))

    def do_restore_next(self) -> None:
        self.take(self.core.runtime_restore_next(self.environment()))

    def do_advance(self) -> None:
        self.advance(self.random.choice([0.001, 0.5, 3.0, 11.0, 70.0]))

    def do_provision(self) -> None:
        self.take(self.core.provision(_KEPT.qualified_arn, _KEPT, self.random.randrange(3)))

    def do_update(self) -> None:
        target = function(revision_id=f"r{self.random.randrange(3)}")
        self.take(self.core.retire(target.arn, target))

    def do_delete(self) -> None:
        target = self.target()
        self.deleted.add(target.arn)
        self.take(self.core.retire(target.arn, None))

    def do_snapshot(self) -> None:
        self.take(self.core.snapshot(_FUNCTIONS[2]))

    def settle(self) -> None:
        """Play a well-behaved runtime until nobody waits: every invocation must come to its end."""
        for _ in range(400):
            busy = [e for e in list(self.core.pool.environments.values()) if self._push(e)]
            self.look()
            if not busy and not len(self.core.queue):
                return
            self.advance(1.0 if busy else 300.0)
            self.look()
        raise AssertionError("something waits for ever")

    def _push(self, environment: Environment) -> bool:
        key = environment.environment_id
        if environment.state in (State.INIT, State.RESTORE, State.ANSWERED):
            for extension_id in list(environment.extensions):
                self.take(self.core.extension_next(key, extension_id))
            self.take(self.core.runtime_next(key))
        if environment.state is State.INVOKE and environment.invocation is not None:
            request_id = environment.invocation.request_id
            self.take(self.core.runtime_response(key, request_id, b"1", 40))
        return environment.invocation is not None or environment.state is State.ANSWERED

    def check_processes(self) -> None:
        """No environment is started while its processes run, and none is given an event or an end without them."""
        running: set[str] = set()
        for action in self.played:
            if isinstance(action, messages.StartEnvironment):
                assert action.environment.environment_id not in running
                running.add(action.environment.environment_id)
            elif isinstance(action, messages.DeliverEvent | messages.ShutdownEnvironment):
                assert action.environment.environment_id in running
            elif isinstance(action, messages.StopEnvironment):
                running.discard(action.environment.environment_id)
        assert running == {
            key for key, e in self.core.pool.environments.items() if e.state is not State.RESET
        }

    def check_ends(self) -> None:
        completed = Counter(a.invocation.request_id for a in self.of(messages.Complete))
        forgotten = {a.request_id for a in self.of(messages.ForgetEvent)}
        for invocation in self.accepted:
            assert completed[invocation.request_id] == 1
            if invocation.invocation_type is InvocationType.EVENT:
                assert invocation.request_id in forgotten


@settings(max_examples=150, deadline=None)
@given(
    st.integers(min_value=0, max_value=2**32), st.lists(st.sampled_from(_STEPS), min_size=50, max_size=200)
)
def test_every_accepted_invocation_is_completed_once_and_counts_fit(seed: int, steps: list[Any]) -> None:
    chaos = Chaos(seed)
    for step in steps:
        chaos.step(step)
    chaos.settle()
    chaos.check_ends()
    chaos.check_processes()


@settings(max_examples=50, deadline=None)
@given(
    st.integers(min_value=0, max_value=2**32), st.lists(st.sampled_from(_STEPS), min_size=30, max_size=100)
)
def test_stopping_everything_answers_everybody_and_leaves_nothing(seed: int, steps: list[Any]) -> None:
    chaos = Chaos(seed)
    for step in steps:
        chaos.step(step)
    chaos.take(chaos.core.stop_all("the sandbox stops"))
    assert not chaos.core.pool.environments
    chaos.check_processes()
    assert chaos.core.concurrency.in_use(function().arn) == 0
    completed = Counter(a.invocation.request_id for a in chaos.of(messages.Complete))
    assert [completed[invocation.request_id] for invocation in chaos.accepted] == [1] * len(chaos.accepted)
