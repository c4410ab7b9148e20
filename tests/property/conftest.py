"""Profiles: a short run by default, ten thousand requests with ``HYPOTHESIS_PROFILE=full``."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
# One example is a life of a sandbox: SEQUENCE requests of tests/property/requests.py.
settings.register_profile("short", max_examples=12, deadline=None, suppress_health_check=_SLOW)
settings.register_profile("full", max_examples=250, deadline=None, suppress_health_check=_SLOW)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "short")
settings.load_profile(PROFILE)
