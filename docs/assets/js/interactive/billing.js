/* The bill, meter by meter: the same rules as lambda_sandbox/telemetry/meters.py, in exact decimals.
   Prices come from the sandbox's own price files when the site is built; a browser test holds both to the same figures. */
course.billing = (() => {
  const d = course.decimal;
  const MB_A_GB = 1024, BYTES_A_MB = 1024 * 1024;
  const NOTHING_FREE = { requests: "0", gb_seconds: "0", streamed_gb: "0", edge_function_requests: "0" };

  /* Whole milliseconds that one invocation is charged for; durations are in milliseconds, with hundredths as REPORT shows them. */
  function billedMs(durationMs, initMs = "0", { step_ms: stepMs = "1", most_ms: mostMs = null } = {}) {
    let wall = d.rounded(d.add(durationMs, initMs), 2);
    if (mostMs !== null) wall = d.least(wall, mostMs);
    const step = BigInt(stepMs);
    const wallCeiling = d.ceiling(wall);
    const steps = (wallCeiling + step - 1n) / step;
    return (steps > 0n ? steps : 1n) * step;
  }

  const gbSeconds = (memoryMb, seconds) => d.times(d.over(memoryMb, MB_A_GB), seconds);

  function asyncRequests(eventBytes, prices) {
    const rest = d.subtract(eventBytes, d.times(prices.async_event.first_kb, 1024));
    if (d.compare(rest, 0) <= 0) return 1n;
    const chunk = BigInt(prices.async_event.then_kb) * 1024n;
    return 1n + (d.ceiling(rest) + chunk - 1n) / chunk;
  }

  /* GB of one streamed response that count: those behind its first 6 MB. */
  function streamedGb(responseBytes, prices) {
    const mb = d.over(responseBytes, BYTES_A_MB);
    return d.over(d.most(0, d.subtract(mb, prices.streamed_free_mb_a_response ?? "0")), MB_A_GB);
  }

  function reservedGbSeconds(memoryMb, environments, seconds, prices) {
    const step = BigInt(prices.provisioned_rounding_s ?? "1");
    const steps = (d.ceiling(seconds) + step - 1n) / step;
    return d.times(gbSeconds(memoryMb, steps * step), environments);
  }

  /* Lines { meter, quantity, unit, free, usd } of a month's bill, without those that are zero.
     `usage` has the members of Python's Usage; numbers as text or values. Throws RangeError for a meter without a price. */
  function charges(usage, prices, free = NOTHING_FREE) {
    const use = { ...NO_USE, ...usage };
    return [
      flat("Requests", use.requests, "requests", prices.request_usd, free.requests),
      ...durations(use.gb_seconds, prices, free.gb_seconds),
      flat("Ephemeral storage", use.storage_gb_seconds, "GB-seconds", prices.ephemeral_storage_gb_second_usd ?? "0"),
      ...provisioned(use, prices),
      flat("Streamed bytes", use.streamed_gb, "GB", prices.streamed_gb_usd ?? "0", free.streamed_gb),
      ...snapStart(use, prices),
      ...pairs(use.poller_hours).map(([source, hours]) =>
        flat(`Pollers (${source})`, hours, "hours", priced(prices.poller_hour_usd, source, `pollers for ${source}`))),
      ...pairs(use.tenant_gb).map(([architecture, gb]) =>
        flat(`Tenant environments (${architecture})`, gb, "GB", priced(prices.tenant_gb_usd, architecture, `tenant isolation on ${architecture}`))),
      ...durable(use, prices),
      flat("Lambda@Edge requests", use.edge_requests, "requests", prices.edge.request_usd),
      flat("Lambda@Edge duration", use.edge_gb_seconds, "GB-seconds", prices.edge.gb_second_usd),
      flat("CloudFront Functions", use.edge_function_requests, "requests", prices.edge.edge_function_request_usd, free.edge_function_requests),
      ...instances(use, prices),
    ].filter((line) => !d.isZero(line.quantity));
  }

  const NO_USE = {
    requests: "0", gb_seconds: {}, storage_gb_seconds: "0", reserved_gb_seconds: {}, provisioned_gb_seconds: {}, streamed_gb: "0",
    snapshot_gb_seconds: "0", restored_gb: "0", poller_hours: {}, tenant_gb: {}, durable_operations: "0", durable_written_gb: "0",
    durable_gb_months: "0", edge_requests: "0", edge_gb_seconds: "0", edge_function_requests: "0", instance_requests: "0",
    instances_usd: "0", instances_discount: "0",
  };

  const pairs = (byName) => Object.entries(byName);
  const used = (...quantities) => quantities.some((quantity) => !d.isZero(quantity));
  const none = (meter) => new RangeError(`These prices have none for ${meter}.`);

  function priced(table, name, meter) {
    const price = table?.[name];
    if (price === undefined || price === null) throw none(meter);
    return price;
  }

  function flat(meter, quantity, unit, usd, free = "0") {
    const taken = d.least(quantity, free);
    return { meter, quantity: d.of(quantity), unit, free: taken, usd: d.times(d.subtract(quantity, taken), usd) };
  }

  function durations(byArchitecture, prices, free) {
    let left = d.of(free);
    return pairs(byArchitecture).map(([architecture, quantity]) => {
      const tiers = priced(prices.duration_usd_per_gb_second, architecture, `duration on ${architecture}`);
      const taken = d.least(quantity, left);
      left = d.subtract(left, taken);
      const usd = durationUsd(d.subtract(quantity, taken), tiers);
      return { meter: `Duration (${architecture})`, quantity: d.of(quantity), unit: "GB-seconds", free: taken, usd };
    });
  }

  function durationUsd(gbS, tiers) {
    let total = d.of(0), done = d.of(0);
    for (const tier of tiers) {
      const end = tier.up_to_gb_seconds === null ? d.of(gbS) : d.least(gbS, tier.up_to_gb_seconds);
      total = d.add(total, d.times(d.most(0, d.subtract(end, done)), tier.usd));
      done = d.most(done, end);
    }
    return total;
  }

  function provisioned(use, prices) {
    const names = [...new Set([...Object.keys(use.reserved_gb_seconds), ...Object.keys(use.provisioned_gb_seconds)])].sort();
    return names.flatMap((architecture) => {
      const price = priced(prices.provisioned, architecture, `provisioned concurrency on ${architecture}`);
      return [
        flat(`Provisioned concurrency (${architecture})`, use.reserved_gb_seconds[architecture] ?? "0", "GB-seconds", price.reserved_gb_second_usd),
        flat(`Duration on provisioned concurrency (${architecture})`, use.provisioned_gb_seconds[architecture] ?? "0", "GB-seconds", price.duration_gb_second_usd),
      ];
    });
  }

  function snapStart(use, prices) {
    if (!used(use.snapshot_gb_seconds, use.restored_gb)) return [];
    if (!prices.snapstart) throw none("SnapStart");
    return [
      flat("SnapStart cache", use.snapshot_gb_seconds, "GB-seconds", prices.snapstart.cached_gb_second_usd),
      flat("SnapStart restores", use.restored_gb, "GB", prices.snapstart.restored_gb_usd),
    ];
  }

  function durable(use, prices) {
    if (!used(use.durable_operations, use.durable_written_gb, use.durable_gb_months)) return [];
    if (!prices.durable) throw none("durable functions");
    return [
      flat("Durable operations", use.durable_operations, "operations", prices.durable.operation_usd),
      flat("Durable data written", use.durable_written_gb, "GB", prices.durable.written_gb_usd),
      flat("Durable data retained", use.durable_gb_months, "GB-months", prices.durable.retained_gb_month_usd),
    ];
  }

  function instances(use, prices) {
    if (!used(use.instance_requests, use.instances_usd)) return [];
    if (!prices.managed_instances) throw none("Managed Instances");
    const paid = d.subtract(1, use.instances_discount);
    return [
      flat("Managed Instances requests", use.instance_requests, "requests", prices.managed_instances.request_usd),
      flat("Managed Instances (EC2)", use.instances_usd, "USD", paid),
      flat("Managed Instances fee", use.instances_usd, "USD", prices.managed_instances.fee_share),
    ];
  }

  const totalUsd = (lines) => d.sum(lines.map((line) => line.usd));

  return { NOTHING_FREE, billedMs, gbSeconds, asyncRequests, streamedGb, reservedGbSeconds, charges, durationUsd, totalUsd };
})();
