"""Commands about the server and the session itself."""

from __future__ import annotations

from datetime import timedelta

from trio_chat.chat.names import check_line
from trio_chat.commands.context import Context
from trio_chat.commands.effects import Quit
from trio_chat.commands.table import Command, Outcome
from trio_chat.events import timestamp


def help_(context: Context, arguments: tuple[str, ...]) -> Outcome:
    role = context.member.role
    if arguments:
        command = context.table.find(arguments[0].removeprefix("/"))
        text = f"{command.synopsis}: {command.summary}"
        if command.aliases:
            text += " Also: " + ", ".join(f"/{alias}" for alias in command.aliases) + "."
        return Outcome(text=text, data={"commands": [command.info()]})
    commands = context.table.for_role(role)
    width = max(len(command.synopsis) for command in commands if len(command.synopsis) < 32)
    lines = [f"{command.synopsis:<{width}}  {command.summary}" for command in commands]
    lines.append("Anything else you type is said; // at its start says a slash.")
    return Outcome(
        text="\n".join(lines), data={"commands": [command.info() for command in commands]}
    )


def ping(context: Context, _: tuple[str, ...]) -> Outcome:
    return Outcome(text="pong", data={"at": timestamp(context.now_ms)})


def time(context: Context, _: tuple[str, ...]) -> Outcome:
    at = timestamp(context.now_ms)
    return Outcome(text=f"it is {at[:10]} {at[11:19]} UTC", data={"at": at})


def uptime(context: Context, _: tuple[str, ...]) -> Outcome:
    seconds = context.uptime_seconds
    return Outcome(text=f"up for {timedelta(seconds=seconds)}", data={"seconds": seconds})


def version(context: Context, _: tuple[str, ...]) -> Outcome:
    return Outcome(text=f"trio-chat {context.version}", data={"version": context.version})


def quit_(context: Context, arguments: tuple[str, ...]) -> Outcome:
    reason = arguments[0] if arguments else ""
    reason = check_line(reason, "reason", context.config.limits.reason_characters)
    return Outcome(effects=(Quit(reason),))


COMMANDS = [
    Command(
        "help",
        "[COMMAND]",
        "List the commands, or explain one.",
        help_,
        ("h", "?"),
        most=1,
        reads=True,
    ),
    Command("ping", "", "See whether the server answers.", ping, reads=True),
    Command("time", "", "Show the server's time.", time, reads=True),
    Command("uptime", "", "Show how long the server has been up.", uptime, reads=True),
    Command("version", "", "Show the server's version.", version, reads=True),
    Command(
        "quit", "[REASON]", "Leave the server.", quit_, ("exit", "bye", "q"), most=1, free=True
    ),
]
