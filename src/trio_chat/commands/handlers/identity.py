"""Commands about oneself and others as persons: nicks, being away, whom not to hear."""

from __future__ import annotations

from trio_chat.chat.names import check_line
from trio_chat.chat.rules import check_renames
from trio_chat.commands.table import Command, Context, Outcome
from trio_chat.errors import NoSuchMember, NotInRoom, NotPermitted, TooLong, UsageError
from trio_chat.events import NotifyLevel, timestamp
from trio_chat.text import fold


async def nick(context: Context, arguments: tuple[str, ...]) -> Outcome:
    check_renames(context.member, context.server.sanctions, context.now_ms)
    context.host.rename(arguments[0])
    return Outcome()


async def whois(context: Context, arguments: tuple[str, ...]) -> Outcome:
    member = context.directory.find_member(arguments[0])
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


async def away(context: Context, arguments: tuple[str, ...]) -> Outcome:
    reason = arguments[0] if arguments else "away"
    context.member.away = check_line(reason, "reason", context.config.limits.reason_characters)
    context.host.remember()
    return Outcome(text=f"you are away: {context.member.away}")


async def back(context: Context, _: tuple[str, ...]) -> Outcome:
    was_away, context.member.away = context.member.away is not None, None
    context.host.remember()
    return Outcome(text="welcome back" if was_away else "you were not away")


async def ignore(context: Context, arguments: tuple[str, ...]) -> Outcome:
    ignores = context.member.ignores
    if not arguments:
        names = sorted(ignores.values(), key=str.casefold)
        return Outcome(text="you ignore " + (", ".join(names) or "nobody"), data={"ignores": names})
    other = context.directory.find_member(arguments[0])
    if other is context.member:
        raise NotPermitted("that is yourself")
    limit = context.config.limits.ignores_per_member
    if len(ignores) >= limit and other.key not in ignores:
        raise NotPermitted(f"one can ignore at most {limit}; /unignore somebody first")
    ignores[other.key] = other.nick
    context.host.remember()
    return Outcome(text=f"you no longer see what {other.nick} says")


async def unignore(context: Context, arguments: tuple[str, ...]) -> Outcome:
    name = context.member.ignores.pop(fold(arguments[0].removeprefix("@")), None)
    if name is None:
        raise NoSuchMember(f"you do not ignore {arguments[0]}; /ignore lists whom you do")
    context.host.remember()
    return Outcome(text=f"you see again what {name} says")


_LEVELS: dict[str, NotifyLevel] = {"all": "all", "mentions": "mentions", "none": "none"}


async def notify(context: Context, arguments: tuple[str, ...]) -> Outcome:
    member = context.member
    if not arguments:
        levels = {_label(context, key): level for key, level in member.notify.items()}
        shown = ", ".join(f"{name}: {level}" for name, level in sorted(levels.items()))
        return Outcome(text=shown or "everywhere: as your client sees fit", data={"notify": levels})
    place, level = context.place, arguments[0].lower()
    if place is None:
        raise NotInRoom("you are in no room here")
    others = {key: value for key, value in member.notify.items() if key != place.key}
    if level in _LEVELS:
        member.notify = {**others, place.key: _LEVELS[level]}
    elif level == "default":
        member.notify = others
    else:
        raise UsageError("usage: /notify [all/mentions/none/default]")
    context.host.remember()
    context.server.show_settings(member)
    return Outcome(text=f"you are told of {level} in {_label(context, place.key)}")


async def highlight(context: Context, arguments: tuple[str, ...]) -> Outcome:
    member, limits = context.member, context.config.limits
    if arguments:
        words = () if arguments[0] == "-" else tuple(dict.fromkeys(arguments[0].split()))
        if len(words) > limits.highlights_per_member:
            raise TooLong(f"one can have at most {limits.highlights_per_member} words")
        for word in words:
            check_line(word, "word", limits.nick_characters)
        member.highlights = words
        context.host.remember()
        context.server.show_settings(member)
    shown = ", ".join(member.highlights) or "no words but your nick"
    return Outcome(text=f"these mean you: {shown}", data={"highlights": list(member.highlights)})


def _label(context: Context, key: str) -> str:
    direct = context.member.directs.get(key)
    if direct is not None:
        return direct.label_for(context.member.identity)
    room = context.directory.rooms.get(key)
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
    Command("nick", "NICK", "Change what you are called.", nick, least=1, most=1),
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
