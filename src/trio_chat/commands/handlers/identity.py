"""Commands about oneself and others as persons: nicks, being away, whom not to hear."""

from __future__ import annotations

from typing import Any

from trio_chat.chat.names import check_line, check_nick
from trio_chat.chat.records import Change, setting
from trio_chat.chat.rules import check_nick_free, check_renames, check_words
from trio_chat.commands.context import Context
from trio_chat.commands.effects import Rename
from trio_chat.commands.table import Command, Outcome
from trio_chat.commands.targets import find_target
from trio_chat.errors import NoSuchMember, NotInRoom, NotPermitted, TooLong, UsageError
from trio_chat.events import NotifyLevel, timestamp
from trio_chat.text import fold


def nick_(context: Context, arguments: tuple[str, ...]) -> Outcome:
    check_renames(context.member, context.state.sanctions, context.now_ms)
    nick = check_nick(arguments[0], context.config.limits)
    check_nick_free(context.member, nick, context.state.sanctions, context.now_ms)
    return Outcome(effects=(Rename(nick),))


def whois(context: Context, arguments: tuple[str, ...]) -> Outcome:
    member = context.state.directory.find_member(arguments[0])
    common = sorted(room.name for room in member.rooms.values() if room.key in context.member.rooms)
    facts = [f"{member.nick} ({member.role.title})"]
    facts.append(f"account {member.account}" if member.account else "without an account")
    facts.append(f"here since {timestamp(member.since_ms)[:16].replace('T', ' ')} UTC")
    if common:
        facts.append("with you in " + ", ".join(f"#{name}" for name in common))
    if member.away is not None:
        facts.append(f"away: {member.away}")
    if member.absent_until is not None:
        facts.append("link lost, perhaps back soon")
    return Outcome(
        text="; ".join(facts),
        data={
            "nick": member.nick,
            "account": member.account,
            "role": member.role.title,
            "away": member.away,
            "since": timestamp(member.since_ms),
            "rooms": common,
            "linked": member.absent_until is None,
        },
    )


def away(context: Context, arguments: tuple[str, ...]) -> Outcome:
    reason = check_line(
        arguments[0] if arguments else "away", "reason", context.config.limits.reason_characters
    )
    if arguments:  # whoever looks the member up is shown it
        rooms = context.member.rooms.values()
        check_words(context.member, context.state.sanctions, context.now_ms, rooms=rooms)
    return Outcome(text=f"you are away: {reason}", changes=(_setting(context, "away", reason),))


def back(context: Context, _: tuple[str, ...]) -> Outcome:
    was_away = context.member.away is not None
    return Outcome(
        text="welcome back" if was_away else "you were not away",
        changes=(_setting(context, "away", None),),
    )


def _setting(context: Context, entry: str, value: Any) -> Change:
    return setting(context.member.identity, entry, value)


def ignore(context: Context, arguments: tuple[str, ...]) -> Outcome:
    ignores = context.member.ignores
    if not arguments:
        names = sorted(ignores.values(), key=str.casefold)
        return Outcome(text="you ignore " + (", ".join(names) or "nobody"), data={"ignores": names})
    other = find_target(context, arguments[0])
    if other.identity == context.member.identity:
        raise NotPermitted("that is yourself")
    limit = context.config.limits.ignores_per_member
    if len(ignores) >= limit and other.author not in ignores:
        raise NotPermitted(f"one can ignore at most {limit}; /unignore somebody first")
    return Outcome(
        text=f"you no longer see what {other.nick} says",
        changes=(_setting(context, f"ignores {other.author}", other.nick),),
    )


def unignore(context: Context, arguments: tuple[str, ...]) -> Outcome:
    authors = _ignored(context, arguments[0])
    if not authors:
        text = f"you do not ignore {arguments[0]}; /ignore lists whom you do"
        raise NoSuchMember(text, nick=arguments[0])
    name = context.member.ignores[authors[0]]
    return Outcome(
        text=f"you see again what {name} says",
        changes=tuple(_setting(context, f"ignores {author}", None) for author in authors),
    )


def _ignored(context: Context, name: str) -> list[str]:
    """The authors whom the member ignores, and knows by that name or who go by it now."""
    key = fold(name.removeprefix("@"))
    holder = context.state.directory.holder(name.removeprefix("@"))
    now = holder.author if holder is not None else None
    ignores = context.member.ignores.items()
    return [author for author, nick in ignores if author == now or fold(nick) == key]


_LEVELS: dict[str, NotifyLevel] = {"all": "all", "mentions": "mentions", "none": "none"}


def notify(context: Context, arguments: tuple[str, ...]) -> Outcome:
    member = context.member
    if not arguments:
        levels = {_label(context, key): level for key, level in member.notify.items()}
        shown = ", ".join(f"{name}: {level}" for name, level in sorted(levels.items()))
        return Outcome(text=shown or "everywhere: as your client sees fit", data={"notify": levels})
    place, level = context.place, arguments[0].lower()
    if place is None:
        raise NotInRoom("you are in no room here")
    if level not in (*_LEVELS, "default"):
        raise UsageError("usage: /notify [all/mentions/none/default]")
    return Outcome(
        text=f"you are told of {level} in {_label(context, place.key)}",
        changes=(_setting(context, f"notify {place.key}", _LEVELS.get(level)),),
    )


def highlight(context: Context, arguments: tuple[str, ...]) -> Outcome:
    limits, words = context.config.limits, context.member.highlights
    changes: tuple[Change, ...] = ()
    if arguments:
        words = () if arguments[0] == "-" else tuple(dict.fromkeys(arguments[0].split()))
        if len(words) > limits.highlights_per_member:
            raise TooLong(f"one can have at most {limits.highlights_per_member} words")
        for word in words:
            check_line(word, "word", limits.nick_characters)
        changes = (_setting(context, "highlights", words or None),)
    shown = ", ".join(words) or "no words but your nick"
    return Outcome(
        text=f"these mean you: {shown}", data={"highlights": list(words)}, changes=changes
    )


def _label(context: Context, key: str) -> str:
    direct = context.member.directs.get(key)
    if direct is not None:
        return direct.label_for(context.member.identity)
    room = context.state.directory.rooms.get(key)
    return f"#{room.name}" if room else key


COMMANDS = [
    Command(
        "notify",
        "[all/mentions/none/default]",
        "Show what your devices tell you of, or choose it for this room.",
        notify,
        most=1,
    ),
    Command(
        "highlight",
        "[WORDS]",
        "Show which words mean you beside your nick, or choose them; - takes them away.",
        highlight,
        ("highlights",),
        most=1,
    ),
    Command("nick", "NICK", "Change what you are called.", nick_, least=1, most=1),
    Command("whois", "NICK", "Show who somebody is.", whois, least=1, most=1, reads=True),
    Command("away", "[REASON]", "Say that you are away.", away, most=1),
    Command("back", "", "Say that you are here again.", back),
    Command(
        "ignore",
        "[NICK]",
        "Do not see what somebody says, or list whom you ignore.",
        ignore,
        most=1,
    ),
    Command("unignore", "NICK", "See again what somebody says.", unignore, least=1, most=1),
]
