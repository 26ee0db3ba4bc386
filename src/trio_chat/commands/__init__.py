"""Slash commands: a table of records, one guard, and the handlers by theme.

Handlers decide: each is given a `Context` and returns an `Outcome`, which says what to answer,
which facts change and what else is to be done. They know no wire, no socket and no trio.
"""

from __future__ import annotations

from trio_chat.commands.handlers import (
    accounts,
    administration,
    amending,
    auditing,
    catching,
    help,
    identity,
    leaving,
    moderation,
    ownership,
    roles,
    rooms,
    sanctions,
    talk,
    undoing,
)
from trio_chat.commands.table import CommandTable


def default_table() -> CommandTable:
    """Every command of this server."""
    modules = (
        talk,
        amending,
        rooms,
        identity,
        help,
        accounts,
        roles,
        ownership,
        moderation,
        sanctions,
        catching,
        undoing,
        administration,
        auditing,
        leaving,
    )
    return CommandTable([command for module in modules for command in module.COMMANDS])
