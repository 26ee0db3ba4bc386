"""What this node knows of the chat: rooms and members, accounts, sanctions, and facts about the
server. Knows no store and no session."""

from __future__ import annotations

from trio_chat.chat.accounts import Accounts
from trio_chat.chat.directory import Directory
from trio_chat.chat.sanctions import Defcon, Sanctions
from trio_chat.config import Config


class State:
    """See the module.

    Attributes:
        defcon: how far the server is shut against an attack.
        motd: the message of the day, which everybody is told on coming in.
        owner_code: makes an account the server's owner; empty once somebody is.
    """

    def __init__(self, config: Config) -> None:
        self.directory = Directory(config.limits)
        self.accounts = Accounts()
        self.sanctions = Sanctions()
        self.defcon = Defcon.NORMAL
        self.motd = config.server.motd
        self.owner_code = ""
