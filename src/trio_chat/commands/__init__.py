"""Slash commands: a table of records, one guard, and the handlers by theme.

Handlers decide and answer; they know no wire, no socket and no trio. What they cannot do
themselves they ask of their `Host`."""

from __future__ import annotations

from trio_chat.commands import identity, rooms, server, talk
from trio_chat.commands.table import CommandTable


def default_table() -> CommandTable:
    """Every command of this server."""
    return CommandTable([*talk.COMMANDS, *rooms.COMMANDS, *identity.COMMANDS, *server.COMMANDS])
