"""Limits of durable executions that are no quotas of an account. The quotas are in ``lambda_sandbox.quotas``.

Source: AWS Lambda Developer Guide, "Invoking Lambda durable functions", and the service model of botocore 1.44.5, read 2026-11.
"""

from __future__ import annotations

from lambda_sandbox.quotas import MIB

SYNC_S = 900  # for so long a caller may wait
SYNC_RESULT_BYTES = 6 * MIB  # of an execution whose caller waits
PAGE_DEFAULT = 100
PAGE_MAX = 1_000
CLIENT_TOKEN_S = 900.0  # for so long a client token stands for its first request
