"""How large one server on one machine can be: many connections, many members, storms, restarts.

Prints what came of each check as a JSON line and all of them as a table; exit code 1 when the
server did not stand one of them. Needs two open files per connection, one on each side; where the
limit is lower the check is made smaller, and says so.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from build import CannotBuild
from loadgen import Figures, RunFailed, loadgen, run_load
from peers import PEERS, Missing, running
from report import table
from scenarios import milliseconds, problem, short

# What is killed lives beside the benchmarks.
sys.path.append(str(Path(__file__).parents[1] / "faults"))

from restarted import Restarted

ROOM_MEMBERS = 20
TALKERS = 200
# The listeners, the epoll sets, the store, Python's own.
SPARE_FILES = 100
# A check that got no further by then has failed; all together stay under five minutes.
SETUP_SECONDS = 40
WAIT_SECONDS = 60.0
HEADS = ("check", "connections", "joining", "then")


@dataclass(frozen=True, slots=True)
class Check:
    """*run* gets how many connections there may be; *said* puts its figures into words."""

    name: str
    title: str
    connections: int
    run: Callable[[int], Figures]
    said: Callable[[Figures], str]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def possible(connections: int) -> int:
    """The most connections up to *connections* that the limit on open files allows; whole rooms."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        connections = min(connections, hard - SPARE_FILES)
    return connections - connections % ROOM_MEMBERS


def memory_kib(pid: int) -> int:
    """What is resident of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0])


def load(*arguments: str | float) -> Figures:
    """The figures of one run against a fresh, durable server."""
    with running(PEERS["trio-chat"]) as server:
        empty_kib = memory_kib(server.pid)
        figures = run_load(server, "--setup", SETUP_SECONDS, *arguments)
    joined_kib = figures.get("rss0_kib" if "dps" in figures else "rss1_kib", empty_kib)
    figures["kib_per_conn"] = (joined_kib - empty_kib) / max(figures["ready"], 1)
    return figures


def rooms_of(connections: int) -> tuple[str | int, ...]:
    return ("--rooms", connections // ROOM_MEMBERS, "--members", ROOM_MEMBERS)


# --- the checks


def many_rooms(connections: int) -> Figures:
    """One message a second in each room."""
    rate = connections // ROOM_MEMBERS
    return load("--mode", "paced", *rooms_of(connections), "--rate", rate, "--seconds", 15)


def one_room(connections: int) -> Figures:
    return load("--mode", "paced", "--members", connections, "--rate", 20, "--seconds", 10)


def idle(connections: int) -> Figures:
    return load("--mode", "idle", *rooms_of(connections), "--hold", 5)


def storm(connections: int) -> Figures:
    return load("--mode", "connect", "--members", connections, "--connecting", connections)


def handshakes(connections: int) -> Figures:
    """All but TALKERS come at once over TLS, each into a room of its own, while those chat."""
    with running(PEERS["trio-chat"], tls=True) as server:
        chat = ["--mode", "paced", "--members", TALKERS, "--rate", 20, "--seconds", 12]
        command = [loadgen(), "--port", server.port, "--pid", server.pid, "--tls", *chat]
        with _generator([str(part) for part in command]) as generator:
            time.sleep(3.0)  # they have joined by then
            coming = ("--mode", "connect", "--rooms", connections - TALKERS, "--members", 1)
            came = run_load(server, *coming, "--first", TALKERS, "--connecting", connections)
            said, errors = generator.communicate(timeout=WAIT_SECONDS)
    if not said:
        raise RunFailed(errors.strip())
    talk: Figures = json.loads(said)
    kept = (
        "p50_us",
        "p99_us",
        "max_us",
        "mps",
        "dps",
        "srv_cpu",
        "lost",
        "disc",
        "errors",
        "stuck",
    )
    return came | {key: talk[key] for key in kept} | {"kib_per_conn": 0.0}


def restart(connections: int) -> Figures:
    """`kill -9` while all are linked; all resume at once when it listens again."""
    with tempfile.TemporaryDirectory(prefix="trio-chat-bench-") as name, ExitStack() as stack:
        server = Restarted(Path(name))
        stack.callback(server.stop)
        server.start()
        command = [loadgen(), "--port", server.port, "--pid", server.pid, "--mode", "resume"]
        command += ["--restart", "--setup", SETUP_SECONDS, *rooms_of(connections)]
        command += ["--connecting", connections]
        with _generator([str(part) for part in command]) as generator:
            _wait_until_joined(generator)
            server.kill()
            seconds = server.start()
            said, errors = generator.communicate(f"{server.pid}\n", timeout=WAIT_SECONDS)
    if not said:
        raise RunFailed(errors.strip())
    figures: Figures = json.loads(said)
    return figures | {"listening_s": seconds, "said": errors.strip()}


@contextmanager
def _generator(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as generator:
        try:
            yield generator
        finally:
            generator.kill()


def _wait_until_joined(generator: subprocess.Popen[str]) -> None:
    assert generator.stderr is not None
    lines = []
    for line in generator.stderr:
        if line.strip() == "loadgen: joined":
            return
        lines.append(line.strip())
    raise RunFailed(" | ".join(lines[-3:]) or "the load generator ended")


# --- in words


def trouble(figures: Figures) -> str:
    """What a server that stands the check does not show, or ''."""
    if why := problem(figures):
        return why
    resumed = figures.get("resumed", figures["conns"])
    found = [
        f"{figures['failed']} were refused" if figures["failed"] else "",
        f"{figures['conns'] - resumed} did not resume" if resumed != figures["conns"] else "",
        f"{figures['disc']} were closed" if figures.get("disc") else "",
        f"{figures['errors']} errors" if figures.get("errors") else "",
        f"{figures['lost']} deliveries lost" if figures.get("lost") else "",
    ]
    return ", ".join(filter(None, found))


def joining(figures: Figures) -> str:
    spread = f"{milliseconds(figures['join_p50_us'])} / {milliseconds(figures['join_p99_us'])} ms"
    return (
        f"{figures['setup_s']:.1f} s, {short(figures['join_rate'])}/s, "
        f"CPU {figures['setup_cpu_us']:.0f} µs, p50 / p99 {spread}"
    )


def talked(figures: Figures) -> str:
    return (
        f"{short(figures['mps'])} messages/s, {short(figures['dps'])} deliveries/s, p50 / p99 / "
        f"max {milliseconds(figures['p50_us'])} / {milliseconds(figures['p99_us'])} / "
        f"{milliseconds(figures['max_us'])} ms, {figures['srv_cpu']:.2f} cores, {memory(figures)}"
    )


def memory(figures: Figures) -> str:
    return f"{figures['kib_per_conn']:.1f} KiB each"


def silent(figures: Figures) -> str:
    return f"{abs(figures['idle_cpu']):.3f} cores, {memory(figures)}"


def back(figures: Figures) -> str:
    return (
        f"listens {figures['listening_s']:.1f} s after the kill, "
        f"all resumed {figures['setup_s']:.1f} s later"
    )


CHECKS = {
    check.name: check
    for check in (
        Check("rooms", "rooms of 20, one message a second in each", 10_000, many_rooms, talked),
        Check("room", "one room, 20 messages a second", 2_000, one_room, talked),
        Check("idle", "rooms of 20, all silent", 20_000, idle, silent),
        Check("storm", "all join one room at once", 2_000, storm, silent),
        Check("handshakes", "200 chat while the others come", 2_200, handshakes, talked),
        Check("restart", "killed and restarted; all resume at once", 5_000, restart, back),
    )
}


def run_check(check: Check) -> tuple[list[str], bool]:
    """Return the row of one check, and whether the server stood it."""
    connections = possible(check.connections)
    title, count = f"{check.name}: {check.title}", f"{connections:,}"
    if connections < check.connections:
        count += f" (of {check.connections:,}: open files are limited)"
    say(f"{title}; {count} connections")
    try:
        figures = check.run(connections)
    except (Missing, RunFailed, subprocess.TimeoutExpired) as exc:
        say(f"  FAILED: {exc}")
        return [title, count, f"FAILED: {exc}", ""], False
    wrong = trouble(figures)
    print(json.dumps({"check": check.name, **figures}), flush=True)
    if wrong:
        say(f"  FAILED: {wrong}: {figures['said']}")
        return [title, count, f"FAILED: {wrong}", ""], False
    say(f"  joining: {joining(figures)}\n  then: {check.said(figures)}")
    return [title, count, joining(figures), check.said(figures)], True


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=list(CHECKS),
        metavar="NAME",
        help="repeatable; default: all of " + ", ".join(CHECKS),
    )
    arguments = parser.parse_args()
    try:
        loadgen()
    except CannotBuild as exc:
        sys.exit(f"scale: {exc}")
    results = [run_check(CHECKS[name]) for name in arguments.only or CHECKS]
    print(table(HEADS, [row for row, _ in results]))
    return 0 if all(stood for _, stood in results) else 1


if __name__ == "__main__":
    sys.exit(main())
