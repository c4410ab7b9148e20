from lambda_sandbox.telemetry.billing import Prices, gb_seconds, month_usd

prices = Prices.load("us-east-1")
requests, memory_mb, duration_ms = 3_000_000, 512, 120

for rounding, billed_ms in {"1 ms": duration_ms, "100 ms": 200}.items():
    work = gb_seconds(memory_mb, billed_ms) * requests
    usd = month_usd(requests, work, prices, free_tier=False)
    print(f"rounded up to {rounding}: {work:,.0f} GB-seconds, {usd:.2f} USD")

nobody_called = month_usd(0, 0, prices, free_tier=False)
print(f"a month without a call: {nobody_called:.2f} USD")
