"""Pictures of simulations, from their JSON. matplotlib is loaded only when one is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lambda_sandbox.errors import SandboxFault

Json = Mapping[str, Any]
_BUSY, _ALIVE, _COLD, _THROTTLED = "#1f77b4", "#b0c4de", "#d62728", "#9467bd"
_COST = "#2ca02c"


def to_file(path: Path) -> Callable[[Any], None]:
    """Return what saves a figure at ``path``. Raises ``SandboxFault`` at once where that cannot work."""
    if path.suffix.lower() not in (".svg", ".png"):
        raise SandboxFault(f"{path}: a plot is an .svg or a .png file")
    if not path.resolve().parent.is_dir():
        raise SandboxFault(f"{path}: there is no such folder")
    _figure(1, 1)
    # Neither date nor random ids: the same figures give the same file.
    return lambda figure: figure.savefig(
        path, metadata={"Date": None} if path.suffix.lower() == ".svg" else None
    )


def outcome(figures: Json) -> Any:
    """Return a matplotlib figure of concurrency, and of cold starts and throttles, over time."""
    figure, (above, below) = _figure(2, 1)
    over_time = figures["over_time"]
    step_s = over_time["interval_s"]
    at = [step_s * (number + 0.5) for number in range(len(over_time["environments"]))]
    above.fill_between(at, over_time["environments"], color=_ALIVE, label="environments", step="mid")
    above.plot(at, over_time["concurrency_peak"], color=_BUSY, linewidth=0.8, label="concurrency, peak")
    above.plot(at, over_time["concurrency_mean"], color=_BUSY, linewidth=1.6, label="concurrency, mean")
    above.set_ylabel("environments")
    for name, colour in (("throttles", _THROTTLED), ("cold_starts", _COLD)):
        rates = [count / step_s for count in over_time[name]]
        below.step(at, rates, color=colour, where="mid", label=name.replace("_", " "))
    below.set_ylabel("a second")
    below.set_xlabel("seconds")
    for axes in (above, below):
        axes.set_ylim(bottom=0)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize="small", frameon=False)
    figure.suptitle(f"{figures['invocations']:,} invocations, {figures['cold_start_share']:.3%} cold")
    return figure


def comparison(figures: Json) -> Any:
    """Return a matplotlib figure of latency, cold starts and throttles, and cost against what was compared."""
    figure, axes = _figure(1, 3)
    runs = [run for run in figures["runs"] if run["latency_ms"]]
    values = [run["value"] for run in runs]
    for name in ("p50", "p99"):
        axes[0].plot(values, [run["latency_ms"][name] for run in runs], marker="o", label=name)
    axes[0].set_ylabel("latency, ms")
    for name, colour in (("cold_start_share", _COLD), ("throttle_share", _THROTTLED)):
        shares = [run[name] * 100.0 for run in runs]
        axes[1].plot(
            values, shares, marker="o", color=colour, label=name.replace("_share", "s").replace("_", " ")
        )
    axes[1].set_ylabel("% of invocations")
    axes[2].plot(
        values, [run["bill"]["per_million_usd"] for run in runs], marker="o", color=_COST, label="cost"
    )
    axes[2].set_ylabel("USD a million invocations")
    for each in axes:
        each.set_xlabel(f"{figures['compared']}, {figures['unit']}")
        each.set_ylim(bottom=0)
        each.legend(fontsize="small")
    return figure


def power_tuning(figures: Json) -> Any:
    """Return a matplotlib figure of duration and cost against memory."""
    figure, left = _figure(1, 1)
    right = left.twinx()
    sizes = [point["memory_mb"] for point in figures["points"]]
    for axes, name, colour, label in (
        (left, "duration_ms", _BUSY, "duration, ms"),
        (right, "usd_per_million", _COST, "USD a million invocations"),
    ):
        axes.plot(sizes, [point[name] for point in figures["points"]], marker="o", color=colour)
        axes.set_ylabel(label, color=colour)
        axes.set_ylim(bottom=0)
    left.set_xlabel("memory, MB")
    left.set_title(f"{figures['function_name']}: duration and cost by memory")
    return figure


def _figure(rows: int, columns: int) -> tuple[Any, Any]:
    try:
        import matplotlib as mpl
    except ImportError:
        raise SandboxFault("A plot needs matplotlib: pip install matplotlib") from None
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "lambda_sandbox"
    figure = Figure(figsize=(4.0 * columns + 2.0, 2.6 * rows + 1.0), layout="constrained")
    return figure, figure.subplots(rows, columns)
