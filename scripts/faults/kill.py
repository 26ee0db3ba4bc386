"""Kills the server while everybody talks, again and again, and checks that nothing was lost.

Talkers from outside (talker.py) pipeline inputs with ids, resume after each `kill -9`, and send
again what was not answered. At the end: every input that was answered is in
the log exactly once and under the seq that was answered; seqs are dense; everybody was shown the
same events in the same order, nothing twice; each talker's inputs stand in the order it sent
them; and the database is whole.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import trio

from restarted import DoesNotStart, Restarted
from talker import ROOM, Journal, Link, Talker
from trio_chat.store.sqlite.store import DATABASE_NAME
from trio_chat.store.sqlite.verifying import verify

POLL_SECONDS = 0.02
SETTLE_SECONDS = 60.0
PAGE_EVENTS = 1000
SHOWN_PROBLEMS = 20


async def until(condition: Callable[[], bool]) -> None:
    # What it waits for is spread over all talkers, and it is only a check.
    while not condition():  # noqa: ASYNC110
        await trio.sleep(POLL_SECONDS)


async def talk_through_kills(
    server: Restarted, talkers: list[Talker], journal: Journal, kills: int, seconds: float
) -> None:
    """Return when all has been said, answered and seen.

    Raises:
        trio.TooSlowError: that takes longer than SETTLE_SECONDS after the last kill.
    """
    start = trio.Event()
    async with trio.open_nursery() as nursery:
        for talker in talkers:
            nursery.start_soon(talker.run, start)
        for talker in talkers:
            await talker.joined.wait()
        start.set()
        for number in range(kills):
            # Never twice at the same point of whatever goes on in there.
            await trio.sleep(seconds * random.uniform(0.05, 1.95))
            server.kill()
            back = await trio.to_thread.run_sync(server.start)
            print(
                f"kill {number + 1}: {journal.head} events, back in {back:.2f} s", file=sys.stderr
            )
        await trio.sleep(seconds)
        for talker in talkers:
            talker.talking = False
        with trio.fail_after(SETTLE_SECONDS):
            await until(lambda: not any(talker.waiting for talker in talkers))
            await until(lambda: all(talker.last_seq == journal.head for talker in talkers))
        nursery.cancel_scope.cancel()


async def read_log(port: int) -> dict[int, tuple[str, str]]:
    """Return the whole log as a newcomer pages through it."""
    log: dict[int, tuple[str, str]] = {}
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        link = Link(stream)
        await link.send([{"type": "hello", "protocol": 1, "nick": "auditor"}])
        await link.send([{"type": "input", "text": f"/join {ROOM}", "id": "join"}])
        await answer(link, "join")
        more = True
        while more:
            last = max(log, default=0)
            page = {"type": "page", "room": ROOM, "after": last, "limit": PAGE_EVENTS}
            await link.send([{**page, "id": f"p{last}"}])
            events = await answer(link, f"p{last}")
            log.update({seq: said for seq, said in events.items() if seq > last})
            more = max(log, default=0) > last
    return log


async def answer(link: Link, id: str) -> dict[int, tuple[str, str]]:
    """Take what comes up to the answer to *id*; return the events of the backlogs in it."""
    events: dict[int, tuple[str, str]] = {}
    while True:
        for message in await link.receive():
            if message["type"] == "backlog":
                events |= {e["seq"]: (e["from"], e["text"]) for e in message["events"]}
            elif message.get("id") == id:
                return events


# --- the checks


def check(talkers: list[Talker], journal: Journal, log: dict[int, tuple[str, str]]) -> list[str]:
    """Return what is wrong, in words."""
    problems = list(journal.problems)
    if list(log) != list(range(1, len(log) + 1)):
        problems.append("the log's seqs are not 1, 2, 3 ... without holes")
    if log != journal.events:
        problems.append("the log is not what the talkers were shown")
    places = defaultdict(list)
    for seq, (_, text) in log.items():
        places[text].append(seq)
    for talker in talkers:
        problems += check_talker(talker, places)
    if len(places) != sum(len(talker.acknowledged) for talker in talkers):
        problems.append("the log holds what nobody was told it holds")
    return problems


def check_talker(talker: Talker, places: dict[str, list[int]]) -> list[str]:
    problems = []
    for text, seq in talker.acknowledged.items():
        if places.get(text) != [seq]:
            found = places.get(text, "nothing")
            problems.append(f"{text!r} was answered with seq {seq}, the log has it at {found}")
    # In the order they were sent: the number after the nick.
    in_order = sorted(talker.acknowledged, key=lambda text: int(text.split()[1]))
    seqs = [talker.acknowledged[text] for text in in_order]
    if seqs != sorted(seqs):
        problems.append(f"{talker.nick}: its inputs are not in the order they were sent")
    return problems


async def run(arguments: argparse.Namespace, folder: Path) -> list[str]:
    journal = Journal()
    server = Restarted(folder)
    talkers = [Talker(f"talker{n}", server.port, journal) for n in range(arguments.talkers)]
    with ExitStack() as stack:
        stack.callback(server.stop)
        server.start()
        try:
            await talk_through_kills(server, talkers, journal, arguments.kills, arguments.seconds)
        except* trio.TooSlowError:
            unanswered = sum(len(talker.waiting) for talker in talkers)
            behind = sum(talker.last_seq < journal.head for talker in talkers)
            journal.problems.append(f"{unanswered} inputs unanswered, {behind} talkers behind")
        log = await read_log(server.port)
    report(arguments.kills, server, talkers, journal)
    return check(talkers, journal, log) + verify(server.data / DATABASE_NAME)


def report(kills: int, server: Restarted, talkers: list[Talker], journal: Journal) -> None:
    acknowledged = sum(len(talker.acknowledged) for talker in talkers)
    print(f"kills               {kills:>10,}")
    print(f"   longest restart  {server.longest_start_seconds:>10.2f} s")
    print(f"events in the log   {journal.head:>10,}")
    print(f"inputs sent         {journal.sent:>10,}")
    print(f"   sent again       {journal.resent:>10,}")
    print(f"   acknowledged     {acknowledged:>10,}")
    print(f"links               {journal.links:>10,}")
    print(f"sessions resumed    {journal.resumed:>10,}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--talkers", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=1.0, help="of talk between kills, mean")
    parser.add_argument("--seed", type=int, help="of the moments of the kills")
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="trio-chat-kill-") as folder:
        try:
            problems = trio.run(run, arguments, Path(folder))
        except* DoesNotStart as group:
            problems = [f"the server does not start: {exc}" for exc in group.exceptions]
    for problem in problems[:SHOWN_PROBLEMS]:
        print("WRONG:", problem)
    if problems:
        sys.exit(f"{len(problems)} things are wrong")
    print("nothing lost, nothing twice, one order for all")


if __name__ == "__main__":
    main()
