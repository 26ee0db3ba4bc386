"""Commands about accounts: having one, proving it, and what it keeps.

A password is an argument like any other, so it is in no answer, no log and no audit line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trio_chat.chat import records
from trio_chat.chat.accounts import (
    SCOPES,
    Account,
    Scope,
    Token,
    new_account_id,
    new_token_secret,
    token_key,
)
from trio_chat.chat.names import check_line, check_nick
from trio_chat.chat.records import Change, account_changed, setting
from trio_chat.chat.roles import Role
from trio_chat.chat.rules import check_renames
from trio_chat.chat.sanctions import Defcon
from trio_chat.commands.audit import act
from trio_chat.commands.changes import add_account, check_password, check_place, give_role
from trio_chat.commands.context import Context, SessionRow
from trio_chat.commands.effects import EndSession, LogIn, LogOut, Whisper
from trio_chat.commands.passphrases import first, whole
from trio_chat.commands.table import Command, Outcome
from trio_chat.errors import BadRequest, LoginFailed, NameTaken, NotPermitted, UsageError
from trio_chat.events import timestamp
from trio_chat.text import fold

_LABEL_CHARACTERS = 40


async def register(context: Context, arguments: tuple[str, ...]) -> Outcome:
    name = check_nick(context.member.nick, context.config.limits)
    # The first word of a passphrase must not become a name that everybody sees.
    _, password = _name_and_password(context, arguments[0], known=False)
    _check_registration(context, name)
    check_password(context.config.accounts, name, password)
    context.passwords.register()
    hashed = await context.passwords.hash(password)
    _check_registration(context, name)  # somebody may have been faster
    account, changes = add_account(context.state, name, hashed, Role.MEMBER, context.now_ms)
    return Outcome(
        text=f"the account {name} is yours, and nobody else can be called so",
        data={"account": name},
        changes=changes,
        act=act(context, "register", target=name),
        effects=(LogIn(account.id, after=True),),
    )


def _check_registration(context: Context, name: str) -> None:
    """Raises NotPermitted, NameTaken."""
    member, state = context.member, context.state
    check_renames(member, state.sanctions, context.now_ms)
    if member.account is not None:
        raise NotPermitted(f"you are logged in as {member.account}; /logout first")
    if not context.config.accounts.registration or state.defcon >= Defcon.NO_NEW_ACCOUNTS:
        raise NotPermitted("no new accounts are made here for now")
    check_place(state.accounts, context.config.accounts)
    state.accounts.check_free(name)
    holder = state.directory.holder(name)
    if (holder is not None and holder is not member) or state.directory.lookalike(name):
        raise NameTaken(f"the name {name} is taken")


async def login(context: Context, arguments: tuple[str, ...]) -> Outcome:
    if context.member.account is not None:
        raise NotPermitted(f"you are logged in as {context.member.account}; /logout first")
    name, password = _name_and_password(context, arguments[0], known=True)
    account = await context.passwords.check(name, password)
    check_renames(context.member, context.state.sanctions, context.now_ms)
    return Outcome(
        text=f"you are logged in as {account.name}",
        data={"account": account.name},
        effects=(LogIn(account.id),),
    )


def _name_and_password(context: Context, text: str, *, known: bool) -> tuple[str, str]:
    """The name of an account, one's nick unless another stands there, and a password with all its
    blanks. A name is one's nick or, if *known*, that of an account; else it is the password's first
    word."""
    nick = context.member.nick
    name, *rest = text.split(None, 1)
    is_own = fold(name) == fold(nick)
    if rest and (is_own or (known and context.state.accounts.named(name) is not None)):
        return name, whole(rest[0])
    return nick, whole(text)


def logout(context: Context, _: tuple[str, ...]) -> Outcome:
    name = own_account(context).name
    check_renames(context.member, context.state.sanctions, context.now_ms)
    text = f"you are logged out of {name}; /nick NICK chooses another nick"
    return Outcome(text=text, effects=(LogOut(),))


async def passwd(context: Context, arguments: tuple[str, ...]) -> Outcome:
    old, new = first(" ".join(arguments))
    if not new:
        raise UsageError(f"usage: {_PASSWD.synopsis}")
    new = whole(new)
    account = own_account(context)
    await context.passwords.check(account.name, old)
    check_password(context.config.accounts, account.name, new)
    hashed = await context.passwords.hash(new)
    own = own_account(context)
    if own.password != account.password:
        raise LoginFailed("the password was changed meanwhile")
    return Outcome(
        text="the password is changed; other sessions go on: /sessions lists them",
        changes=(account_changed(own, password=hashed),),
        act=act(context, "passwd", target=account.name),
    )


def account(context: Context, _: tuple[str, ...]) -> Outcome:
    own = own_account(context)
    tokens = context.state.accounts.tokens_of(own.id)
    sessions = context.asker.sessions()
    since = timestamp(own.created_ms)
    return Outcome(
        text=f"account {own.name} ({Role(own.role).title}), since {since[:10]}; "
        f"{len(sessions)} sessions, {len(tokens)} tokens; no e-mail address is kept",
        data={
            "account": own.name,
            "role": Role(own.role).title,
            "created": since,
            "sessions": len(sessions),
            "tokens": len(tokens),
        },
    )


def sessions(context: Context, arguments: tuple[str, ...]) -> Outcome:
    own_account(context)
    rows = context.asker.sessions()
    if arguments:
        if arguments[0] != "end" or len(arguments) < 2:
            raise UsageError(f"usage: {_SESSIONS.synopsis}")
        return _end_session(rows, arguments[1])
    return Outcome(
        text="\n".join(map(_session_line, rows))
        or "this session only, which leaves nothing behind",
        data={"sessions": [row._asdict() for row in rows]},
    )


def _end_session(rows: Sequence[SessionRow], id: str) -> Outcome:
    if id not in {row.id for row in rows}:
        raise BadRequest(f"you have no session {id}; /sessions lists them")
    return Outcome(text=f"the session {id} is ended", effects=(EndSession(id),))


def _session_line(row: SessionRow) -> str:
    state = "this one" if row.own else "linked" if row.linked else "link lost"
    client = row.client or "an unnamed program"
    since = timestamp(row.since_ms)[:16].replace("T", " ")
    return f"{row.id}  {state}  {client} from {row.address or '?'}, since {since} UTC"


def token(context: Context, arguments: tuple[str, ...]) -> Outcome:
    own = own_account(context)
    match arguments:
        case ():
            return _list_tokens(context, own)
        case ("new", *rest):
            return _new_token(context, own, rest[0].split() if rest else [])
        case ("revoke", id):
            return _revoke_token(context, own, id)
        case _:
            raise UsageError(f"usage: {_TOKEN.synopsis}")


def _list_tokens(context: Context, own: Account) -> Outcome:
    tokens = context.state.accounts.tokens_of(own.id).values()
    rows: list[dict[str, Any]] = [
        {
            "id": token.id,
            "label": token.label,
            "scopes": list(token.scopes),
            "created": timestamp(token.created_ms),
        }
        for token in tokens
    ]
    lines = [
        f"{row['id']}  {','.join(row['scopes'])}  since {row['created'][:10]}  {row['label']}"
        for row in rows
    ]
    return Outcome(text="\n".join(lines) or "you have no tokens", data={"tokens": rows})


def _new_token(context: Context, own: Account, words: Sequence[str]) -> Outcome:
    scopes: tuple[Scope, ...] = ("read", "write")
    if words and set(words[0].split(",")) <= set(SCOPES):
        named = set(words[0].split(","))
        scopes = tuple(scope for scope in SCOPES if scope in named)
        words = words[1:]
    label = check_line(" ".join(words), "label", _LABEL_CHARACTERS)
    most = context.config.accounts.tokens_per_account
    if len(context.state.accounts.tokens_of(own.id)) >= most:
        raise NotPermitted(f"an account has at most {most} tokens; /token revoke ID takes one back")
    secret, id = new_token_secret(), new_account_id()[:6]
    made = Token(id, own.id, label, scopes, context.now_ms)
    # The secret is shown once and stored nowhere, so a repetition is answered without it.
    shown = f"token {id} ({', '.join(scopes)}): {secret}   It is shown only now: keep it secret."
    return Outcome(
        text=f"token {id} is made; its secret came as a notice, and comes only once",
        data={"id": id, "scopes": list(scopes), "label": label},
        changes=(Change(records.TOKEN, token_key(secret), None, made),),
        act=act(context, "token", target=own.name, reason=f"{','.join(scopes)} {label}".strip()),
        effects=(Whisper(shown),),
    )


def _revoke_token(context: Context, own: Account, id: str) -> Outcome:
    for key, token in context.state.accounts.tokens_of(own.id).items():
        if token.id == id:
            return Outcome(
                text=f"the token {id} opens nothing any more",
                changes=(Change(records.TOKEN, key, token, None),),
                act=act(context, "revoke token", target=own.name, reason=id),
            )
    raise BadRequest(f"you have no token {id}; /token lists them")


def claim(context: Context, arguments: tuple[str, ...]) -> Outcome:
    own, code = own_account(context), context.state.owner_code.replace("-", "")
    context.passwords.guess()
    if not code or arguments[0].upper().replace("-", "") != code:
        raise LoginFailed("that is not the owner code, or the server has an owner already")
    change, *owned = give_role(context.state, own, Role.OWNER)
    return Outcome(
        text="this server is yours now; /help lists what you may do",
        changes=(change, *owned),
        act=act(context, "claim", change, target=own.name),
    )


def block(context: Context, arguments: tuple[str, ...]) -> Outcome:
    member = context.member
    if not arguments:
        names = sorted(member.blocks.values(), key=str.casefold)
        text = "you take no messages from " + (", ".join(names) or "nobody in particular")
        return Outcome(
            text=text.replace("no messages from nobody in particular", "everybody's messages"),
            data={"blocks": names},
        )
    identity, nick = _somebody(context, arguments[0])
    if identity == member.identity:
        raise NotPermitted("that is yourself")
    limit = context.config.limits.ignores_per_member
    if len(member.blocks) >= limit and identity not in member.blocks:
        raise NotPermitted(f"one can block at most {limit}; /unblock somebody first")
    return Outcome(
        text=f"{nick} cannot write to you directly any more",
        changes=(setting(member.identity, f"blocks {identity}", nick),),
    )


def unblock(context: Context, arguments: tuple[str, ...]) -> Outcome:
    member, key = context.member, fold(arguments[0].removeprefix("@"))
    identities = [identity for identity, nick in member.blocks.items() if fold(nick) == key]
    if not identities:
        raise BadRequest(f"you do not block {arguments[0]}; /block lists whom you do")
    return Outcome(
        text=f"{arguments[0]} can write to you directly again",
        changes=tuple(setting(member.identity, f"blocks {one}", None) for one in identities),
    )


def _somebody(context: Context, nick: str) -> tuple[str, str]:
    """The identity and nick of a member, or of an account that is not here."""
    holder = context.state.directory.holder(nick.removeprefix("@"))
    if holder is not None:
        return holder.identity, holder.nick
    account = context.state.accounts.named(nick)
    if account is not None:
        return account.identity, account.name
    member = context.state.directory.find_member(nick)  # names the nearest
    return member.identity, member.nick


def own_account(context: Context) -> Account:
    """Raises NotPermitted."""
    account = context.state.accounts.by_id(context.member.account_id)
    if account is None:
        raise NotPermitted("you have no account here; /register PASSWORD makes one")
    return account


_PASSWD = Command(
    "passwd",
    "OLD NEW",
    'Change your account\'s password; "quotes" keep the words of an old one together.',
    passwd,
    ("password",),
    least=2,
    most=2,
    personal=True,
)
_SESSIONS = Command(
    "sessions",
    "[end ID]",
    "List the sessions of your account, or end one.",
    sessions,
    most=2,
    personal=True,
)
_TOKEN = Command(
    "token",
    "[new SCOPES LABEL or revoke ID]",
    "List the tokens of your account, make one for a bot or a device, or take one back.",
    token,
    ("tokens",),
    most=2,
    personal=True,
)
COMMANDS = [
    Command(
        "register",
        "PASSWORD",
        "Make an account, so that your nick is yours; the password may have blanks.",
        register,
        least=1,
        most=1,
        personal=True,
    ),
    Command(
        "login",
        "[NAME] PASSWORD",
        "Say whose account you speak for.",
        login,
        ("identify",),
        least=1,
        most=1,
        personal=True,
    ),
    Command("logout", "", "Be a guest again.", logout, personal=True),
    _PASSWD,
    Command(
        "account", "", "Show what is known of your account.", account, personal=True, reads=True
    ),
    _SESSIONS,
    _TOKEN,
    Command(
        "claim",
        "CODE",
        "Make your account the server's owner, with the code that its first start printed.",
        claim,
        least=1,
        most=1,
        personal=True,
    ),
    Command(
        "block",
        "[NICK]",
        "Take no direct messages from somebody, or list whom you block.",
        block,
        most=1,
    ),
    Command(
        "unblock", "NICK", "Take direct messages from somebody again.", unblock, least=1, most=1
    ),
]
