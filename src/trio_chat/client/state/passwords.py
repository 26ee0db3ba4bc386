"""Commands that carry a password: recognised, masked, and what is to be asked for. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from trio_chat.requests import Invocation, Lookalike, parse_slash

_LOGIN = ("password",)
_PASSWD = ("old password", "new password", "new password again")
# A command, or its alias, -> what it wants, in its order; what is new is asked for twice.
_WANTED = {
    "login": _LOGIN,
    "identify": _LOGIN,
    "register": ("password", "password again"),
    "passwd": _PASSWD,
    "password": _PASSWD,
}
# Others with a password, a code or a key behind them.
_OTHERS = frozenset({"claim", "erase", "key"})
# What the server answers to these is a secret; what is typed behind them is none.
_TOKENS = frozenset({"token", "tokens"})
_TYPED = frozenset(_WANTED) | _OTHERS
SECRET_COMMANDS = _TYPED | _TOKENS


def is_secret(text: str) -> bool:
    """Return whether *text* is a command that may hold a password, a code or a token."""
    return _secret(text) is not None


def masked(text: str) -> str:
    """Return *text* as it may be shown."""
    secret = _secret(text)
    return f"/{secret.name} …" if secret is not None and secret.rest else text


def _secret(text: str) -> Invocation | None:
    """Return the command in *text* that may hold a secret, mistyped or not; None: there is none."""
    parsed = parse_slash(text)
    if isinstance(parsed, Lookalike):
        parsed = parsed.meant
    if isinstance(parsed, Invocation) and parsed.name.lower() in SECRET_COMMANDS:
        return parsed
    return None


def hidden_from(text: str) -> int | None:
    """Return from which character on *text* may hold a secret, and is not to be seen while it is
    typed; None: it holds none."""
    parsed = parse_slash(text)
    if not isinstance(parsed, Invocation) or parsed.name.lower() not in _TYPED:
        return None
    return len(parsed.name) + 2  # behind the slash and a blank


def wanted(text: str) -> tuple[str, ...]:
    """Return what is to be asked for before *text* can be sent; empty: nothing."""
    parsed = parse_slash(text)
    if not isinstance(parsed, Invocation):
        return ()
    return () if parsed.rest.strip() else _WANTED.get(parsed.name.lower(), ())


def filled(text: str, given: Sequence[str], nick: str) -> str:
    """Return *text* with what was *given* for `wanted`. To `/login`, a password with blanks needs
    the name of the account before it, which is *nick*."""
    labels = wanted(text)
    once = [word for label, word in zip(labels, given, strict=True) if not label.endswith("again")]
    if labels is _LOGIN and " " in once[0]:
        once.insert(0, nick)
    return " ".join([text.strip(), *once])
