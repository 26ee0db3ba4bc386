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
# Others whose rest is nobody's business either.
_OTHERS = frozenset({"claim", "erase", "key", "token", "tokens"})
SECRET_COMMANDS = frozenset(_WANTED) | _OTHERS


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


def wanted(text: str) -> tuple[str, ...]:
    """Return what is to be asked for before *text* can be sent; empty: nothing."""
    parsed = parse_slash(text)
    if not isinstance(parsed, Invocation):
        return ()
    labels = _WANTED.get(parsed.name.lower(), ())
    most = 0 if labels is _PASSWD else 1
    return labels if len(parsed.rest.split()) <= most else ()


def filled(text: str, given: Sequence[str], nick: str) -> str:
    """Return *text* with what was *given* for `wanted`. A password with blanks needs the name
    before it, which is *nick* unless it is there."""
    labels = wanted(text)
    once = [word for label, word in zip(labels, given, strict=True) if not label.endswith("again")]
    has_blanks = any(" " in word for word in once)
    if has_blanks and labels is not _PASSWD and len(text.split()) == 1:
        once.insert(0, nick)
    return " ".join([text.strip(), *once])
