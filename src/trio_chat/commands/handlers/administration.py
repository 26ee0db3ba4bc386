"""Commands about the server as a whole: what it tells everybody, how it is set and how it does,
its copies and its end."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

import msgspec

from trio_chat.chat import records
from trio_chat.chat.durations import parse_duration, split_duration
from trio_chat.chat.names import check_line, check_text
from trio_chat.chat.roles import Role
from trio_chat.commands.audit import act
from trio_chat.commands.context import ConnectionRow, Context
from trio_chat.commands.effects import Announce
from trio_chat.commands.table import Command, Outcome
from trio_chat.config import MOTD_CHARACTERS, Config, assigned, is_live, keys, value_of
from trio_chat.errors import BadRequest, ConfigError, NotPermitted, TooLong, UsageError
from trio_chat.events import timestamp
from trio_chat.text import clean_text, fold
from trio_chat.wire.fitting import fit_rows

_SHUTDOWN_SECONDS = 10
_SHUTDOWN_SECONDS_MAX = 7 * 86_400
_UNTIL = "until the next start or /reload"


# --- what everybody is told


def announce(context: Context, arguments: tuple[str, ...]) -> Outcome:
    text = check_text(arguments[0], context.config.limits)
    return Outcome(act=act(context, "announce", reason=text), effects=(Announce(text),))


def motd(context: Context, arguments: tuple[str, ...]) -> Outcome:
    if not arguments:
        text = context.state.motd
        return Outcome(text=text or "there is no message of the day", data={"motd": text})
    if context.role < Role.ADMIN:
        raise NotPermitted("/motd set needs the role admin")
    match arguments:
        case ("set", text):
            return _set_motd(context, clean_text(text))
        case ("clear",):
            return _set_motd(context, "")
        case _:
            raise UsageError(f"usage: {_MOTD.synopsis}")


def _set_motd(context: Context, text: str) -> Outcome:
    if len(text) > MOTD_CHARACTERS:
        raise TooLong(
            f"a message of the day has at most {MOTD_CHARACTERS} characters; this has {len(text)}"
        )
    said = "is set" if text else "is the configured one again"
    return Outcome(
        text=f"the message of the day {said}",
        data={"motd": text or context.config.server.motd},
        changes=(context.state.fact_changed(records.MOTD, text),),
        act=act(context, "motd", reason=text),
    )


# --- how it does


def stats(context: Context, _: tuple[str, ...]) -> Outcome:
    now = context.process.stats()
    text = (
        f"{now.connections} connections, {now.members} members, {now.accounts} accounts, "
        f"{now.rooms} rooms; {now.events} events shown in {timedelta(seconds=now.uptime_seconds)}, "
        f"{now.sends} sends; {now.lagging} sessions lag, {now.queued_bytes / 1024:.0f} KiB wait; "
        f"{now.refused_writes} writes refused; {now.memory_bytes / 2**20:.0f} MiB"
    )
    return Outcome(text=text, data=now._asdict())


def connections(context: Context, arguments: tuple[str, ...]) -> Outcome:
    sees_addresses = context.role >= Role.ADMIN
    rows = context.process.connections()
    if not sees_addresses:
        rows = [row._replace(address="") for row in rows]
    part = fold(arguments[0]) if arguments else ""
    found = [row for row in rows if _holds(row, part)]
    data, lines, more = fit_rows((row._asdict(), _connection_line(row)) for row in found)
    lines.append(f"{len(lines)} of {len(rows)} connections")
    if more:
        lines[-1] += "; more did not fit: /connections PART narrows it down"
    return Outcome(text="\n".join(lines), data={"connections": data, "more": more})


def _holds(row: ConnectionRow, part: str) -> bool:
    return any(part in fold(text) for text in (row.nick, row.account, row.address, row.client))


def _connection_line(row: ConnectionRow) -> str:
    if not row.nick:
        return f"(no hello yet)  {row.address}".rstrip()
    account = f"account {row.account}" if row.account else "guest"
    since = timestamp(row.since_ms)[:16].replace("T", " ")
    parts = row.nick, account, row.address, row.wire, row.client, f"since {since}"
    return "  ".join((*filter(None, parts), f"idle {timedelta(seconds=row.idle_seconds)}"))


# --- how it is set


def config(context: Context, arguments: tuple[str, ...]) -> Outcome:
    if not arguments:
        return _settings(context.config, keys())
    in_section = [key for key in keys() if key.startswith(f"{arguments[0].lower()}.")]
    if in_section and len(arguments) == 1:
        return _settings(context.config, in_section)
    name = _known(arguments[0])
    if len(arguments) == 1:
        return _settings(context.config, [name])
    if not is_live(name):
        raise NotPermitted(f"{name} is read at the start alone: set it there, and restart")
    before = context.config
    try:
        after = assigned(before, name, arguments[1])
        context.process.apply(after)
    except ConfigError as exc:
        raise BadRequest(str(exc)) from exc
    line = f"{name} = {_shown(after, name)}"
    audit = act(context, "config", target=name, reason=f"{_shown(before, name)} → {line}")
    return Outcome(text=f"{line}, {_UNTIL}", data=_row(after, name), act=audit)


def _known(name: str) -> str:
    """Raises BadRequest, naming the nearest."""
    known = keys()
    if name.lower() in known:
        return name.lower()
    close = get_close_matches(name.lower(), known, n=1)
    near = f"; did you mean {close[0]}?" if close else "; /config lists them"
    raise BadRequest(f"there is no key {name}{near}")


def _settings(config: Config, names: Iterable[str]) -> Outcome:
    rows = ((_row(config, name), _line(config, name)) for name in names)
    data, lines, _ = fit_rows(rows)
    return Outcome(text="\n".join(lines), data={"settings": data})


def _row(config: Config, name: str) -> dict[str, Any]:
    return {"key": name, "value": value_of(config, name), "live": is_live(name)}


def _line(config: Config, name: str) -> str:
    return f"{name} = {_shown(config, name)}" + ("" if is_live(name) else "  (at the start alone)")


def _shown(config: Config, name: str) -> str:
    return msgspec.json.encode(value_of(config, name)).decode()


async def reload(context: Context, _: tuple[str, ...]) -> Outcome:
    operations = context.process
    try:
        wanted = await operations.read_config()
        before = context.config
        changed = [name for name in keys() if value_of(wanted, name) != value_of(before, name)]
        operations.apply(wanted)
    except ConfigError as exc:
        raise BadRequest(str(exc)) from exc
    live = [name for name in changed if is_live(name)]
    late = [name for name in changed if not is_live(name)]
    lines = [f"{name} = {_shown(wanted, name)}" for name in live] or ["nothing has changed"]
    lines += [f"{name} changes at the next start" for name in late]
    audit = act(context, "reload", reason=", ".join(live))
    return Outcome(
        text="\n".join(lines),
        data={"changed": live, "at_the_next_start": late},
        act=audit,
    )


# --- its copies and its end


async def backup(context: Context, _: tuple[str, ...]) -> Outcome:
    made = await context.process.backup(context.asker.notice)
    return Outcome(
        text=f"{made.folder}: {made.size_bytes / 2**20:.1f} MiB; `serve --data` takes it as it is",
        data={"folder": str(made.folder), "size_bytes": made.size_bytes},
        act=act(context, "backup", target=made.folder.name),
    )


def shutdown(context: Context, arguments: tuple[str, ...]) -> Outcome:
    operations = context.process
    if arguments == ("cancel",):
        if not operations.cancel_shutdown():
            raise BadRequest("the server is not about to stop")
        return Outcome(text="the server goes on", act=act(context, "shutdown cancel"))
    seconds, reason = _countdown(arguments)
    reason = check_line(reason, "reason", context.config.limits.reason_characters)
    operations.begin_shutdown(seconds, reason)
    audit = act(context, "shutdown", target=f"in {seconds} s", reason=reason)
    return Outcome(
        text=f"the server stops in {seconds} s; /shutdown cancel keeps it",
        data={"seconds": seconds},
        act=audit,
    )


def _countdown(arguments: tuple[str, ...]) -> tuple[int, str]:
    """The seconds, and the rest of the line. Raises UsageError, BadRequest."""
    first, rest = (*arguments, "", "")[:2]
    if first.isdecimal() and parse_duration(f"{first} {rest.partition(' ')[0]}") is None:
        seconds, reason = int(first[:8]), rest  # a number alone is of seconds
    else:
        duration_ms, reason = split_duration(" ".join(arguments))
        seconds = _SHUTDOWN_SECONDS if duration_ms is None else duration_ms // 1000
    if seconds > _SHUTDOWN_SECONDS_MAX:
        raise UsageError(f"a countdown has at most {_SHUTDOWN_SECONDS_MAX} s")
    return seconds, reason


_MOTD = Command(
    "motd",
    "[set TEXT or clear]",
    "Show the message of the day, or set another one.",
    motd,
    most=2,
    reads=True,
)
COMMANDS = [
    Command(
        "announce", "TEXT", "Tell everybody something.", announce, role=Role.ADMIN, least=1, most=1
    ),
    _MOTD,
    Command("stats", "", "Show how busy the server is.", stats, role=Role.MODERATOR, reads=True),
    Command(
        "connections",
        "[PART]",
        "List who is connected and how, or those with PART in nick, account, address or client.",
        connections,
        role=Role.MODERATOR,
        most=1,
        reads=True,
    ),
    Command(
        "config",
        "[KEY or SECTION] [VALUE]",
        "Show how the server is set, or set it otherwise until the next start.",
        config,
        role=Role.ADMIN,
        most=2,
    ),
    Command(
        "reload",
        "",
        "Read the configuration file and the environment again.",
        reload,
        role=Role.ADMIN,
    ),
    Command("backup", "", "Copy the database while the server runs.", backup, role=Role.OWNER),
    Command(
        "shutdown",
        "[SECONDS] [REASON]",
        "Stop the server after a countdown; /shutdown cancel keeps it.",
        shutdown,
        role=Role.OWNER,
        most=2,
    ),
]
