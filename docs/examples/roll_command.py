"""A command for dice: `/roll 2d6` has the room see what fell.

What it says is let into the room like any line, so the handler need not ask whether its author may
speak there. See "Add a command" in CONTRIBUTING.md.
"""

from __future__ import annotations

import re
from random import SystemRandom

from trio_chat.commands.context import Context
from trio_chat.commands.effects import Say
from trio_chat.commands.table import Command, Outcome
from trio_chat.errors import NotInRoom, UsageError

DICE_MAX, SIDES_MAX = 20, 1000
_DICE = re.compile(r"([0-9]{1,4})d([0-9]{1,4})", re.IGNORECASE)
_RANDOM = SystemRandom()


def roll(context: Context, arguments: tuple[str, ...]) -> Outcome:
    if context.place is None:
        raise NotInRoom("you are in no room; /join ROOM takes you to one")
    found = _DICE.fullmatch(arguments[0])
    dice, sides = (int(part) for part in found.groups()) if found else (0, 0)
    if not (1 <= dice <= DICE_MAX and 2 <= sides <= SIDES_MAX):
        raise UsageError(
            f"write 2d6 for two dice of six sides: at most {DICE_MAX} of at most {SIDES_MAX}"
        )
    fell = [_RANDOM.randint(1, sides) for _ in range(dice)]
    text = f"rolls {dice}d{sides}: {' + '.join(map(str, fell))} = {sum(fell)}"
    return Outcome(effects=(Say(text, key=context.place.key, kind="action"),))


COMMANDS = [Command("roll", "NdM", "Roll dice where all can see.", roll, least=1, most=1)]
