/* The price calculator: a form whose every field is a quantity of Lambda's price list, and the bill that follows from it. */
course.calculator = (() => {
  const { make, select } = course.elements;
  const d = course.decimal, billing = course.billing;
  const DAY_S = 86_400;

  /* [name, label, start, unit, most, whole]: whole numbers only where Lambda counts whole ones. */
  const GROUPS = [
    ["Your function", true, [
      ["requests", "Invocations a month", "3000000", "", 1e12, true],
      ["memory_mb", "Memory", "1536", "MB", 32_768, true],
      ["duration_ms", "Duration of one", "120", "ms", 900_000, false],
      ["cold_percent", "Cold starts", "0", "%", 100, false],
      ["init_ms", "Init of a cold one", "0", "ms", 900_000, false],
      ["storage_mb", "Space in /tmp", "512", "MB", 10_240, true],
      ["event_kb", "Event, if asynchronous", "0", "KB", 1024, false],
    ]],
    ["Provisioned concurrency", false, [
      ["pc_environments", "Environments kept ready", "0", "", 100_000, true],
      ["pc_hours", "For how long a month", "0", "hours", 744, false],
      ["pc_requests", "Invocations that run on them", "0", "", 1e12, true],
      ["pc_duration_ms", "Duration of one of them", "0", "ms", 900_000, false],
    ]],
    ["Streamed responses", false, [
      ["streamed", "Streamed responses a month", "0", "", 1e12, true],
      ["streamed_kb", "Size of one", "0", "KB", 204_800, false],
    ]],
    ["SnapStart (Python, .NET)", false, [
      ["snap_versions", "Published versions with it", "0", "", 10_000, true],
      ["snap_days", "Days that each is kept", "0", "days", 31, false],
      ["snap_restores", "Restores a month", "0", "", 1e12, true],
    ]],
    ["Provisioned pollers, tenants, durable functions", false, [
      ["kafka_hours", "Kafka poller hours", "0", "hours", 1e7, false],
      ["sqs_hours", "SQS poller hours", "0", "hours", 1e7, false],
      ["tenant_environments", "Environments made for tenants", "0", "", 1e9, true],
      ["durable_operations", "Durable operations", "0", "", 1e12, true],
      ["durable_written_gb", "Durable data written", "0", "GB", 1e9, false],
      ["durable_gb_months", "Durable data kept", "0", "GB-months", 1e9, false],
    ]],
    ["Lambda@Edge and CloudFront Functions", false, [
      ["edge_requests", "Lambda@Edge requests", "0", "", 1e12, true],
      ["edge_memory_mb", "Memory at the edge", "128", "MB", 10_240, true],
      ["edge_duration_ms", "Duration at the edge", "0", "ms", 30_000, false],
      ["edge_function_requests", "CloudFront Functions calls", "0", "", 1e12, true],
    ]],
    ["Managed Instances", false, [
      ["instance_requests", "Requests", "0", "", 1e12, true],
      ["instances_usd", "On-demand price of the EC2 instances", "0", "USD", 1e9, false],
      ["instances_discount", "Savings plan takes off", "0", "%", 100, false],
    ]],
  ];
  const FREE = [["requests", "requests"], ["gb_seconds", "GB-seconds"], ["streamed_gb", "streamed GB"], ["edge_function_requests", "CloudFront Functions calls"]];
  const FIELDS = GROUPS.flatMap(([, , fields]) => fields);

  /* Return the text of a field without the commas that people type, or throw RangeError with one sentence. */
  function checked([name, label, , , most, whole], text) {
    const value = text.replaceAll(/[,\s_]/g, "") || "0";
    if (!/^\d+(\.\d+)?$/.test(value) || (whole && value.includes("."))) {
      throw new RangeError(`${label}: write ${whole ? "a whole number" : "a number"} of 0 or more.`);
    }
    if (Number(value) > most) throw new RangeError(`${label}: at most ${most.toLocaleString("en-US")}.`);
    if (name === "memory_mb" && Number(value) < 128) throw new RangeError(`${label}: at least 128 MB.`);
    return value;
  }

  /* Return { usage, notes } of checked fields: the quantities that the price list knows. */
  function usageOf(form, architecture, prices) {
    const rules = { step_ms: prices.rules.rounding_ms };
    const onProvisioned = d.of(form.pc_requests);
    const onDemand = d.subtract(form.requests, onProvisioned);
    if (d.compare(onDemand, 0) < 0) throw new RangeError("More invocations run on provisioned concurrency than there are at all.");
    const cold = d.rounded(d.over(d.times(onDemand, form.cold_percent), 100), 0);
    const warmMs = billing.billedMs(form.duration_ms, "0", rules);
    const coldMs = prices.rules.init_billed ? billing.billedMs(form.duration_ms, form.init_ms, rules) : warmMs;
    const pcMs = billing.billedMs(form.pc_duration_ms, "0", rules);
    const busyMs = d.add(d.times(d.subtract(onDemand, cold), warmMs), d.times(cold, coldMs));
    const pcBusyMs = d.times(onProvisioned, pcMs);
    const seconds = d.over(busyMs, 1000), pcSeconds = d.over(pcBusyMs, 1000);
    const extraMb = d.most(0, d.subtract(form.storage_mb, prices.ephemeral_storage_free_mb ?? "512"));
    if (!d.isZero(extraMb) && !prices.ephemeral_storage_gb_second_usd) throw new RangeError("These prices have none for more than 512 MB of /tmp.");
    const counted = billing.asyncRequests(d.times(form.event_kb, 1024), prices);
    const usage = {
      requests: d.times(form.requests, counted),
      gb_seconds: { [architecture]: billing.gbSeconds(form.memory_mb, seconds) },
      storage_gb_seconds: billing.gbSeconds(extraMb, d.add(seconds, pcSeconds)),
      ...provisionedUsage(form, architecture, prices, pcSeconds),
      streamed_gb: d.times(form.streamed, billing.streamedGb(d.times(form.streamed_kb, 1024), prices)),
      snapshot_gb_seconds: snapshotUsage(form, prices),
      restored_gb: d.times(form.snap_restores, d.over(form.memory_mb, 1024)),
      poller_hours: only({ kafka: form.kafka_hours, sqs: form.sqs_hours }),
      tenant_gb: only({ [architecture]: d.times(form.tenant_environments, d.over(form.memory_mb, 1024)) }),
      durable_operations: form.durable_operations,
      durable_written_gb: form.durable_written_gb,
      durable_gb_months: form.durable_gb_months,
      edge_requests: form.edge_requests,
      edge_gb_seconds: d.times(form.edge_requests, billing.gbSeconds(form.edge_memory_mb, d.over(form.edge_duration_ms, 1000))),
      edge_function_requests: form.edge_function_requests,
      instance_requests: form.instance_requests,
      instances_usd: form.instances_usd,
      instances_discount: d.over(form.instances_discount, 100),
    };
    return { usage, notes: notes(form, { warmMs, coldMs, cold, counted }, prices) };
  }

  const only = (table) => Object.fromEntries(Object.entries(table).filter(([, quantity]) => !d.isZero(quantity)));

  function provisionedUsage(form, architecture, prices, pcSeconds) {
    const kept = billing.reservedGbSeconds(form.memory_mb, form.pc_environments, d.times(form.pc_hours, 3600), prices);
    return {
      reserved_gb_seconds: only({ [architecture]: kept }),
      provisioned_gb_seconds: only({ [architecture]: billing.gbSeconds(form.memory_mb, pcSeconds) }),
    };
  }

  /* Each published version is charged for three hours at least. */
  function snapshotUsage(form, prices) {
    const least = d.times(prices.snapstart?.least_hours ?? "0", 3600);
    const seconds = d.most(d.times(form.snap_days, DAY_S), d.isZero(form.snap_versions) ? 0 : least);
    return d.times(billing.gbSeconds(form.memory_mb, seconds), form.snap_versions);
  }

  function notes(form, { warmMs, coldMs, cold, counted }, prices) {
    const said = [`One warm invocation is billed for ${warmMs} ms.`];
    if (!d.isZero(cold)) {
      said.push(prices.rules.init_billed ? `${d.text(cold, 0)} cold ones are billed for ${coldMs} ms each: init is part of it.`
        : `${d.text(cold, 0)} are cold, and these rules bill no init.`);
    }
    if (counted > 1n) said.push(`Each asynchronous event of this size counts as ${counted} requests.`);
    return said;
  }

  /* ---- the page ---- */

  function start(app) {
    const all = course.data.prices;
    const bill = make("div", { class: "course-bill", role: "region", "aria-label": "The bill", "aria-live": "polite", "aria-atomic": "true" });
    const chosen = { architecture: "x86_64", rules: "today" };
    const form = make("form", { class: "course-calculator", onsubmit: (event) => event.preventDefault(), novalidate: true });
    const draw = () => render(form, bill, chosen, all[chosen.rules]);
    form.append(
      make("div", { class: "course-form" },
        select("Prices of", Object.entries(all).map(([key, prices]) => [key, `${prices.region}, ${prices.as_of}`]), (value) => { chosen.rules = value; draw(); }, "today"),
        select("Architecture", [["x86_64", "x86_64"], ["arm64", "arm64 (Graviton)"]], (value) => { chosen.architecture = value; draw(); }, "x86_64")),
      group(GROUPS[0]),
      make("fieldset", { class: "course-free" }, make("legend", {}, "Free tier that is not used up elsewhere"),
        ...FREE.map(([name, label]) => make("label", {}, make("input", { type: "checkbox", name: `free_${name}`, checked: true }), ` ${label}`))),
      bill,
      make("p", { class: "course-heading" }, make("strong", {}, "More meters")), ...GROUPS.slice(1).map(group));
    let waiting = 0;
    form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(draw, 150); });
    form.addEventListener("change", () => { clearTimeout(waiting); draw(); });
    app.replaceChildren(form);
    draw();
  }

  function group([title, open, fields]) {
    return make("details", { class: "course-group", open }, make("summary", {}, title),
      make("div", { class: "course-form" }, ...fields.map(([name, label, value, unit]) =>
        make("label", { class: "course-field" }, make("span", {}, label, unit && make("span", { class: "course-quiet" }, `, ${unit}`)),
          make("input", { name, value, inputmode: "decimal", autocomplete: "off" })))));
  }

  function render(form, bill, chosen, prices) {
    let fields;
    for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
    try {
      fields = Object.fromEntries(FIELDS.map((field) => [field[0], inField(form, field)]));
      const free = Object.fromEntries(FREE.map(([name]) => [name, form.elements[`free_${name}`].checked ? prices.free_tier[name] ?? "0" : "0"]));
      const { usage, notes } = usageOf(fields, chosen.architecture, prices);
      bill.replaceChildren(...paper(billing.charges(usage, prices, free), notes, fields, prices));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      bill.replaceChildren(make("p", { class: "course-fault" }, error.message));
    }
  }

  function inField(form, field) {
    const input = form.elements[field[0]];
    try {
      return checked(field, input.value);
    } catch (error) {
      input.setAttribute("aria-invalid", "true");
      input.closest("details").open = true;
      throw error;
    }
  }

  function paper(lines, notes, fields, prices) {
    const total = billing.totalUsd(lines);
    const most = lines.map((line) => line.usd).reduce(d.most, d.of(0));
    return [
      make("p", { class: "course-total" }, make("output", {}, `$${d.text(total, 2)}`), " a month"),
      make("p", { class: "course-quiet" }, each(total, fields.requests)),
      make("div", { class: "course-scroll", tabindex: "0", role: "region", "aria-label": "Lines of the bill" },
        make("table", { class: "course-table" }, make("caption", {}, "Lines of the bill"),
          make("thead", {}, make("tr", {}, ...["Meter", "Used", "Of that free", "USD"].map((word) => make("th", { scope: "col" }, word)))),
          make("tbody", {}, ...lines.map((line) => row(line, most))))),
      ...notes.map((note) => make("p", { class: "course-quiet" }, note)),
      make("p", { class: "course-quiet" }, `Prices of ${prices.region} on ${prices.as_of}: ${prices.source}. Without tax, transfer and other services.`),
    ];
  }

  function row(line, most) {
    const share = d.isZero(most) ? 0 : (d.number(line.usd) / d.number(most)) * 100;
    const amount = (value) => (d.isZero(value) ? "–" : `${d.text(value, d.compare(value, 100) < 0 && d.of(value).digits ? 2 : 0)} ${line.unit}`);
    return make("tr", {}, make("th", { scope: "row" }, line.meter, make("span", { class: "course-meter", "aria-hidden": "true" }, make("span", { style: `width:${share}%` }))),
      make("td", {}, amount(line.quantity)), make("td", {}, amount(line.free)), make("td", {}, `$${d.text(line.usd, 2)}`));
  }

  function each(total, requests) {
    if (d.isZero(requests)) return "";
    const million = (d.number(total) / Number(requests)) * 1e6;
    return `$${million.toFixed(2)} for each million invocations.`;
  }

  return { start, usageOf, checked, FIELDS };
})();
course.calculator.start(document.getElementById("course-calculator"));
