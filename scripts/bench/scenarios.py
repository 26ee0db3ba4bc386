"""What is measured: each scenario as arguments for the load generator, and how its cell reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from loadgen import Figures

Group: TypeAlias = Literal["fan-out", "latency and the rest", "TLS", "curve"]

# The kernel takes 2.8 MB for a reader that reads nothing; only then the server notices.
STALLED_SECONDS = 16.0
STALLED_BYTES = 400
GENERATOR_IS_THE_LIMIT = 0.95


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of run.

    *ratios* names the figures in which servers are compared round by round; *least_seconds* is
    the shortest run that shows something.
    """

    name: str
    title: str
    group: Group
    arguments: tuple[str | int, ...]
    cell: Callable[[Figures], str]
    ratios: tuple[str, ...] = ("cpu_us_per_deliv", "dps")
    least_seconds: float = 0.0
    tls: bool = False


def short(value: float) -> str:
    """Return a count with three digits: `8.10M`, `204k`, `950`."""
    for limit, suffix in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            scaled = value / limit
            return f"{scaled:.3g}{suffix}" if scaled < 1000 else f"{scaled:.0f}{suffix}"
    return f"{value:.0f}"


def milliseconds(microseconds: float) -> str:
    return f"{microseconds / 1000:.3g}" if microseconds < 1e6 else f"{microseconds / 1000:,.0f}"


def problem(figures: Figures) -> str:
    """Return in a few words why the figures do not count, or ''."""
    if figures.get("error"):
        return f"{figures['ready']} of {figures['conns']} joined"
    return "froze" if figures.get("stuck") else ""


def _fan_out(figures: Figures) -> str:
    limit = "*" if figures["lg_cpu"] > GENERATOR_IS_THE_LIMIT else ""
    return f"{short(figures['dps'])}{limit} ({figures['cpu_us_per_deliv']:.2f})"


def _paced(figures: Figures) -> str:
    spread = f"{milliseconds(figures['p50_us'])} / {milliseconds(figures['p99_us'])} ms"
    lost = f", {short(figures['lost'])} lost" if figures["lost"] else ""
    return f"{spread} ({figures['srv_cpu']:.2f}){lost}"


def _stalled(figures: Figures) -> str:
    dropped = ", closed" if figures["stalled_dropped"] else ""
    return _paced(figures) + dropped


def _idle(figures: Figures) -> str:
    return f"{figures['kib_per_conn']:.1f} KiB ({abs(figures['idle_cpu']):.3f})"


def _storm(figures: Figures) -> str:
    return f"{short(figures['join_rate'])}/s ({short(figures['setup_cpu_us'])} µs)"


def _talk(members: int, window: int) -> tuple[str | int, ...]:
    """One sender, *members* listeners."""
    return ("--mode", "fanout", "--members", members + 1, "--window", window)


def _paced_at(per_second: int, members: int = 1001) -> tuple[str | int, ...]:
    return ("--mode", "paced", "--members", members, "--rate", per_second)


def _beside(stalled: int) -> tuple[str | int, ...]:
    arguments = ("--mode", "paced", "--rate", 500, "--bytes", STALLED_BYTES)
    return (*arguments, "--members", 201 + stalled, "--stalled", stalled)


# All at once, and given up after a time in which a person would have given up.
_STORM = ("--mode", "connect", "--members", 2000, "--connecting", 2000, "--setup", 30)
_IDLE = ("--mode", "idle", "--rooms", 250, "--members", 20)
_LATENCY: Group = "latency and the rest"
_TLS: Group = "TLS"
_PACED_RATIOS = ("cpu_us_per_deliv", "p50_us", "p99_us")
_STORM_RATIOS = ("setup_cpu_us", "join_rate")

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario("busy-1000", "1 → 1,000, w64", "fan-out", _talk(1000, 64), _fan_out),
        Scenario("busy-100", "1 → 100, w64", "fan-out", _talk(100, 64), _fan_out),
        Scenario("quiet-1000", "1 → 1,000, w1", "fan-out", _talk(1000, 1), _fan_out),
        Scenario("quiet-100", "1 → 100, w1", "fan-out", _talk(100, 1), _fan_out),
        Scenario(
            "all-talk",
            "50 rooms × 20, all talk",
            "fan-out",
            ("--mode", "fanout", "--rooms", 50, "--members", 20, "--senders", 0, "--window", 20),
            _fan_out,
        ),
        Scenario("paced-200", "50/s into 200", _LATENCY, _paced_at(50, 201), _paced, _PACED_RATIOS),
        Scenario("paced-50", "50/s into 1,000", _LATENCY, _paced_at(50), _paced, _PACED_RATIOS),
        Scenario(
            "paced-2000", "2,000/s into 1,000", _LATENCY, _paced_at(2000), _paced, _PACED_RATIOS
        ),
        Scenario(
            "stalled-0",
            "500/s into 200",
            _LATENCY,
            _beside(0),
            _stalled,
            _PACED_RATIOS,
            STALLED_SECONDS,  # as long as the one it is compared with
        ),
        Scenario(
            "stalled-1",
            "the same, one more never reads",
            _LATENCY,
            _beside(1),
            _stalled,
            _PACED_RATIOS,
            STALLED_SECONDS,
        ),
        Scenario(
            "idle",
            "idle connection",
            _LATENCY,
            _IDLE,
            _idle,
            ("kib_per_conn",),
        ),
        Scenario(
            "storm",
            "2,000 join one room",
            _LATENCY,
            _STORM,
            _storm,
            _STORM_RATIOS,
        ),
        Scenario("busy-1000-tls", "1 → 1,000, w64", _TLS, _talk(1000, 64), _fan_out, tls=True),
        Scenario("busy-100-tls", "1 → 100, w64", _TLS, _talk(100, 64), _fan_out, tls=True),
        Scenario(
            "paced-200-tls",
            "50/s into 200",
            _TLS,
            _paced_at(50, 201),
            _paced,
            _PACED_RATIOS,
            tls=True,
        ),
        Scenario("storm-tls", "2,000 join one room", _TLS, _STORM, _storm, _STORM_RATIOS, tls=True),
        Scenario("idle-tls", "idle connection", _TLS, _IDLE, _idle, ("kib_per_conn",), tls=True),
    )
}

CURVE_MEMBERS = (10, 30, 100, 300, 1000, 2000)
CURVE_WINDOWS = {1: "one message at a time", 64: "64 messages in flight"}


def curve_name(members: int, window: int) -> str:
    return f"curve-{members}-w{window}"


CURVES: dict[str, Scenario] = {
    curve_name(members, window): Scenario(
        curve_name(members, window),
        f"1 → {members:,}, w{window}",
        "curve",
        _talk(members, window),
        _fan_out,
    )
    for window in CURVE_WINDOWS
    for members in CURVE_MEMBERS
}
