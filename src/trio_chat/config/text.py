"""The configuration as text: the commented file that `config init` writes, and each value in force
with where it comes from. It reads nothing."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from trio_chat.config.keys import Key, described_keys, value_of
from trio_chat.config.sources import Loaded
from trio_chat.tables import as_toml

_WIDTH = 96
_TOP = """\
# How trio-chat's server is set. A line that begins with # shows a default: take the # away to
# change it. `trio-chat config check` looks for mistakes, `trio-chat config show` prints what is in
# force. The environment (TRIO_CHAT_SECTION_KEY) and --set go before what stands here.
"""


def commented() -> str:
    """Return the whole file: every key with its reason, its bounds and its default, commented
    out."""
    lines = [_TOP]
    section = ""
    for name, key in described_keys().items():
        table, _, short = name.partition(".")
        if table != section:
            lines += [f"[{table}]", ""]
            section = table
        lines += [*_comment(key), f"#{short} = {as_toml(key.default)}", ""]
    return "\n".join(lines)


def _comment(key: Key) -> Iterator[str]:
    bounds = f" It takes {key.takes}." if key.least is not None else ""
    for line in textwrap.wrap(key.reason + bounds, _WIDTH):
        yield f"# {line}"


def effective(loaded: Loaded) -> str:
    """Return a line for each key: `limits.flood = false  (--set limits.flood=false)`."""
    return "\n".join(
        f"{name} = {as_toml(value_of(loaded.config, name))}  "
        f"({loaded.origins.get(name, 'default')})"
        for name in described_keys()
    )
