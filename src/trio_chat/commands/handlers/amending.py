"""Commands that take back or mend what was said."""

from __future__ import annotations

from collections.abc import Sequence

from trio_chat.chat.names import check_line, check_text
from trio_chat.chat.roles import RoomRole
from trio_chat.chat.rooms import Direct, Room
from trio_chat.chat.rules import check_rank
from trio_chat.commands.audit import act
from trio_chat.commands.context import Context
from trio_chat.commands.effects import Line, Say
from trio_chat.commands.table import Command, Outcome
from trio_chat.commands.targets import own_rank, target_of
from trio_chat.errors import BadRequest, NotInRoom, NotPermitted
from trio_chat.store.api import Entry

_LAST = "last"
_LOOK_BACK = 200  # events: among these one's last message is looked for


async def edit(context: Context, arguments: tuple[str, ...]) -> Outcome:
    place = _place(context)
    entry = await _find(context, place, arguments[0])
    if not _is_own(context, entry):
        raise NotPermitted("only what one said oneself can be edited")
    text = check_text(arguments[1], context.config.limits)
    mends = entry.seq == _last_of(context, place)
    return Outcome(effects=(Say(text, place.key, kind="edited", target=entry.seq, mends=mends),))


async def delete(context: Context, arguments: tuple[str, ...]) -> Outcome:
    place = _place(context)
    entry = await _find(context, place, arguments[0])
    limit = context.config.limits.reason_characters
    reason = check_line(" ".join(arguments[1:]), "reason", limit)
    if _is_own(context, entry):
        if reason:  # everybody is shown it, so it is said
            say = Say(reason, place.key, kind="deleted", target=entry.seq)
            return Outcome(effects=(say,))
        line = Line(place.key, "", kind="deleted", words=False, target=entry.seq)
        return Outcome(effects=(line,))
    room = _moderated(context, place, entry)
    target = f"{entry.sender}'s message {entry.seq}"
    line = Line(place.key, reason, kind="deleted", words=bool(reason), target=entry.seq)
    return Outcome(
        act=act(context, "delete", target=target, room=room, reason=reason), effects=(line,)
    )


def _moderated(context: Context, place: Room | Direct, entry: Entry) -> Room:
    """The room, where somebody else's message may be deleted. Raises NotPermitted."""
    if not isinstance(place, Room) or own_rank(context, place) < RoomRole.MODERATOR:
        raise NotPermitted("only what one said oneself can be deleted, but by a moderator")
    account = context.state.accounts.by_id(entry.account)
    if account is not None:
        author = target_of(context, account)
        check_rank(own_rank(context, place), author.rank_in(place), account.name)
    return place


def _place(context: Context) -> Room | Direct:
    if context.place is None:
        raise NotInRoom("you are in no room here")
    if isinstance(context.place, Room) and context.place.key not in context.member.rooms:
        name = context.place.name
        raise NotInRoom(f"you are not in #{name}", room=name)
    return context.place


async def _find(context: Context, place: Room | Direct, which: str) -> Entry:
    """The message with that seq, or one's last one.

    Raises:
        BadRequest: there is none like that.
    """
    floor = place.floor(context.member.identity)
    if which == _LAST:
        entries: Sequence[Entry] = await context.history.page(
            place.key, before=place.shown + 1, limit=_LOOK_BACK
        )
        own = (entry for entry in reversed(entries) if _is_own(context, entry))
        found = next((entry for entry in own if _is_said(entry) and entry.seq > floor), None)
    else:
        seq = int(which) if which.isascii() and which.isdigit() and len(which) < 13 else 0
        entries = (
            await context.history.page(place.key, after=seq - 1, limit=1) if seq > floor else []
        )
        found = next((entry for entry in entries if entry.seq == seq and _is_said(entry)), None)
    if found is None:
        raise BadRequest(f"there is no message {which} here; its number is the seq, or say {_LAST}")
    return found


def _last_of(context: Context, place: Room | Direct) -> int:
    """The seq of the member's last message there, among the newest lines; 0: none."""
    author, said = context.member.author, ("message", "action")
    lines = (line for line in reversed(place.recent) if line.kind in said)
    return next((line.seq for line in lines if line.account == author), 0)


def _is_said(entry: Entry) -> bool:
    return entry.kind in ("message", "action") and entry.amended != "deleted"


def _is_own(context: Context, entry: Entry) -> bool:
    return entry.account == context.member.author


COMMANDS = [
    Command(
        "edit", "SEQ TEXT", "Mend what you said: by its seq, or `last`.", edit, least=2, most=2
    ),
    Command(
        "delete",
        "SEQ [REASON]",
        "Take back what you said, or as a moderator what somebody said: by its seq, or `last`.",
        delete,
        ("del",),
        least=1,
        most=2,
    ),
]
