"""Slash commands: a table of records, one guard, and the handlers by theme.

Handlers decide and answer; they know no wire, no socket and no trio. What they cannot do
themselves they ask of their `Host`."""

from __future__ import annotations

from trio_chat.commands import (
    accounts,
    administration,
    amending,
    auditing,
    identity,
    leaving,
    moderation,
    ownership,
    roles,
    rooms,
    server,
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
        server,
        accounts,
        roles,
        ownership,
        moderation,
        undoing,
        administration,
        auditing,
        leaving,
    )
    return CommandTable([command for module in modules for command in module.COMMANDS])
