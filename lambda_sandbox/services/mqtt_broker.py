"""A real MQTT broker, where its address is given: devices publish there, and topic rules see what they publish.

Needs the library paho-mqtt (``pip install "lambda-sandbox[mqtt]"``). The neighbours' process has no network, so the broker runs
on this machine.

DIFFERS: in the SQL of an IoT rule ``clientid()`` is ``n/a`` for messages by MQTT, since a broker does not tell who published.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Callable
from ipaddress import ip_address

BROKER_VARIABLE = "LAMBDA_SANDBOX_MQTT"  # HOST:PORT, account and Region: for the neighbours' process
_PATIENCE_S = 5.0


class BrokerUnavailable(Exception):
    """The broker did not take a message; the text says what to do."""


def problem_with(address: str) -> str:
    """Return why messages cannot be read from the broker at ``address``, empty when they can."""
    host, _, port = address.rpartition(":")
    if not port.isdigit() or not host:
        return f"an MQTT broker is named by HOST:PORT, not {address}"
    if not _is_local(host.strip("[]")):
        return f"the MQTT broker has to run on this machine, on a loopback address, not on {host}"
    if importlib.util.find_spec("paho") is None:
        return 'an MQTT broker needs the library paho-mqtt: pip install "lambda-sandbox[mqtt]"'
    return ""


def _is_local(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class Broker:
    """One connection, kept by a thread of its own. ``arrived(topic, payload)`` hears of every message, one after the other."""

    def __init__(self, address: str, arrived: Callable[[str, bytes], None]) -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self._address = address
        self._arrived = arrived
        self._listening = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_subscribe = lambda *_: self._listening.set()
        self._client.on_disconnect = lambda *_: self._listening.clear()
        self._client.on_message = lambda client, data, message: self._take(
            message.topic, bytes(message.payload)
        )
        self._client.reconnect_delay_set(1, 10)
        host, _, port = address.rpartition(":")
        self._client.connect_async(host.strip("[]"), int(port))
        self._client.loop_start()

    def publish(self, topic: str, payload: bytes) -> None:
        """Return when the broker has taken the message. Raises ``BrokerUnavailable``."""
        if not self._listening.wait(_PATIENCE_S):
            raise BrokerUnavailable(f"the MQTT broker at {self._address} does not answer: start it")
        self._client.publish(topic, payload, qos=1).wait_for_publish(_PATIENCE_S)

    def _take(self, topic: str, payload: bytes) -> None:
        try:
            self._arrived(topic, payload)
        except Exception as error:  # one message must not end the connection
            print(f"a message on {topic} was lost: {error!r}", file=sys.stderr, flush=True)
