"""The configuration that a running server goes by. Whoever reads it here sees a change at once."""

from __future__ import annotations

from trio_chat.config import Config


class Settings:
    """Holds the configuration; `/set` and `/reload` replace it.

    Attributes:
        config: as it is now. Do not keep a copy, or have `Operations.apply` tell you.
    """

    __slots__ = ("config",)

    def __init__(self, config: Config) -> None:
        self.config = config
