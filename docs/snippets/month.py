from lambda_sandbox.telemetry.meters import (
    Usage,
    charges,
    gb_seconds,
    total_usd,
)
from lambda_sandbox.telemetry.prices import Prices

prices = Prices.load("us-east-1")
requests, memory_mb, duration_ms = 3_000_000, 512, 120

for rounding, billed_ms in {"1 ms": duration_ms, "100 ms": 200}.items():
    work = gb_seconds(memory_mb, billed_ms / 1000) * requests
    usd = total_usd(charges(Usage(requests, {"x86_64": work}), prices))
    print(f"rounded up to {rounding}: {work:,.0f} GB-seconds, {usd:.2f} USD")

nobody_called = total_usd(charges(Usage(), prices))
print(f"a month without a call: {nobody_called:.2f} USD")
