from decimal import Decimal

from lambda_sandbox.telemetry.meters import (
    Usage,
    charges,
    gb_seconds,
    total_usd,
)
from lambda_sandbox.telemetry.neighbour_bill import NeighbourPrices
from lambda_sandbox.telemetry.prices import Prices

# --8<-- [start:month]
CALLS = 10_000_000
LOGGED = 1_500  # bytes of log that one call writes

around = NeighbourPrices.load("us-east-1").meters
rows = {
    "Lambda": total_usd(
        charges(
            Usage(CALLS, {"x86_64": gb_seconds(256, 0.030) * CALLS}),
            Prices.load(),
        )
    ),
    "HTTP API in front": around["apigateway.http"].of(Decimal(CALLS)),
    "one DynamoDB write": around["dynamodb.write"].of(Decimal(CALLS)),
    "logs taken in": around["logs.bytes"].of(Decimal(CALLS * LOGGED)),
    "one trace in twenty": around["xray.traces"].of(Decimal(CALLS // 20)),
}
total = sum(float(usd) for usd in rows.values())
for what, usd in rows.items():
    print(f"{what:<20} {usd:>7.2f} USD  {'#' * round(40 * float(usd) / total)}")
print(f"{'together':<20} {total:>7.2f} USD")
# --8<-- [end:month]
