"""Commands that take back or mend what was said."""

from __future__ import annotations

from collections.abc import Sequence

from trio_chat.chat.names import check_line, check_text
from trio_chat.chat.roles import RoomRole
from trio_chat.chat.rooms import Direct, Room
from trio_chat.chat.rules import check_rank
from trio_chat.commands.audit import act
from trio_chat.commands.table import Command, Context, Outcome
from trio_chat.commands.targets import check_may_speak, own_rank, target_of
from trio_chat.errors import BadRequest, NotInRoom, NotPermitted
from trio_chat.store.api import Entry, EntryKind, Write
from trio_chat.text import fold

_LAST = "last"
_LOOK_BACK = 200  # events: among these one's last message is looked for


async def edit(context: Context, arguments: tuple[str, ...]) -> Outcome:
    place = _place(context)
    entry = await _find(context, place, arguments[0])
    if not _is_own(context, entry):
        raise NotPermitted("only what one said oneself can be edited")
    text = check_text(arguments[1], context.config.limits)
    check_may_speak(context, place)
    return Outcome(write=_amend(context, place, entry, "edited", text))


async def delete(context: Context, arguments: tuple[str, ...]) -> Outcome:
    place = _place(context)
    entry = await _find(context, place, arguments[0])
    limit = context.config.limits.reason_characters
    reason = check_line(" ".join(arguments[1:]), "reason", limit)
    amending = _amend(context, place, entry, "deleted", reason)
    if not _is_own(context, entry):
        room = _moderated(context, place, entry)
        target = f"{entry.sender}'s message {entry.seq}"
        amending.audit = act(context, "delete", target=target, room=room, reason=reason)
    elif reason:  # everybody is shown it, so it is said
        check_may_speak(context, place)
    return Outcome(write=amending)


def _moderated(context: Context, place: Room | Direct, entry: Entry) -> Room:
    """The room, where somebody else's message may be deleted. Raises NotPermitted."""
    if not isinstance(place, Room) or own_rank(context, place) < RoomRole.MODERATOR:
        raise NotPermitted("only what one said oneself can be deleted, but by a moderator")
    account = context.server.accounts.by_id(entry.account)
    if account is not None:
        author = target_of(context, account)
        check_rank(own_rank(context, place), author.rank_in(place), account.name)
    return place


def _amend(
    context: Context, place: Room | Direct, entry: Entry, kind: EntryKind, text: str
) -> Write:
    return Write(
        room=place.key,
        kind=kind,
        sender=context.member.nick,
        account=context.member.account_id,
        text=text,
        target=entry.seq,
    )


def _place(context: Context) -> Room | Direct:
    if context.place is None:
        raise NotInRoom("you are in no room here")
    if isinstance(context.place, Room) and context.place.key not in context.member.rooms:
        raise NotInRoom(f"you are not in #{context.place.name}")
    return context.place


async def _find(context: Context, place: Room | Direct, which: str) -> Entry:
    """The message with that seq, or one's last one.

    Raises:
        BadRequest: there is none like that.
    """
    floor = place.floor(context.member.identity)
    if which == _LAST:
        entries: Sequence[Entry] = await context.store.page(
            place.key, before=place.shown + 1, limit=_LOOK_BACK
        )
        own = (entry for entry in reversed(entries) if _is_own(context, entry))
        found = next((entry for entry in own if _is_said(entry) and entry.seq > floor), None)
    else:
        seq = int(which) if which.isascii() and which.isdigit() and len(which) < 13 else 0
        entries = await context.store.page(place.key, after=seq - 1, limit=1) if seq > floor else []
        found = next((entry for entry in entries if entry.seq == seq and _is_said(entry)), None)
    if found is None:
        raise BadRequest(f"there is no message {which} here; its number is the seq, or say {_LAST}")
    return found


def _is_said(entry: Entry) -> bool:
    return entry.kind in ("message", "action") and entry.amended != "deleted"


def _is_own(context: Context, entry: Entry) -> bool:
    """A guest's is what was said under its nick since it took that."""
    member = context.member
    if member.account_id or entry.account:
        return member.account_id == entry.account
    return fold(entry.sender) == member.key and entry.at_ms >= member.called_ms


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
