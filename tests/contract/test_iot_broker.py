"""Topic rules on the messages of a real MQTT broker."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import Server
from tests.contract.iot_stage import (
    events,
    publish,
    rule,
    until,
)

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    """The address of a mosquitto of the test's own."""
    assert MOSQUITTO is not None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = tmp_path / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n")
    process = subprocess.Popen(
        [MOSQUITTO, "-c", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def answers() -> bool:
        assert process.poll() is None, "mosquitto did not start"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return True
        return False

    until(answers)
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


@pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto")
def test_devices_at_a_real_broker_start_rules_and_hear_what_programs_publish(
    start_server: Callable[..., Server], broker: str
) -> None:
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion

    server = start_server(mqtt_broker=broker)
    rule(server, "devices", "SELECT n, topic() AS topic FROM 'devices/#'")
    heard: list[tuple[str, bytes]] = []
    subscribed: list[bool] = []
    device = Client(CallbackAPIVersion.VERSION2)
    device.on_message = lambda client, data, message: heard.append((message.topic, bytes(message.payload)))
    device.on_subscribe = lambda *_: subscribed.append(True)
    host, _, port = broker.partition(":")
    device.connect(host, int(port))
    device.subscribe("commands/#", qos=1)
    device.loop_start()
    until(lambda: subscribed)
    publish(server, "commands/open", {"door": 7})  # the sandbox listens once this has arrived
    assert until(lambda: heard) == [("commands/open", b'{"door": 7}')]
    device.publish("devices/9", b'{"n": 5}', qos=1).wait_for_publish(10)
    assert until(lambda: events(server, "devices")) == [{"n": 5, "topic": "devices/9"}]
    device.loop_stop()
    device.disconnect()


@pytest.mark.parametrize(
    ("address", "why"),
    [("10.0.0.1:1883", "has to run on this machine"), ("localhost", "named by HOST:PORT")],
)
def test_a_broker_that_cannot_be_used_is_refused_at_the_start(address: str, why: str) -> None:
    with pytest.raises(AssertionError, match=why):
        Server(mqtt_broker=address)


def test_a_broker_that_does_not_answer_is_named_when_something_is_published(
    start_server: Callable[..., Server],
) -> None:
    with socket.socket() as nobody:  # bound, but it does not listen
        nobody.bind(("127.0.0.1", 0))
        server = start_server(mqtt_broker=f"127.0.0.1:{nobody.getsockname()[1]}")
        with pytest.raises(ClientError, match="does not answer: start it"):
            publish(server, "a", {})
