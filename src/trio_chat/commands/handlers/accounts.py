"""Commands about accounts: having one, proving it, and what it keeps.

A password is an argument like any other, so it is in no answer, no log and no audit line.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

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
from trio_chat.chat.roles import Role
from trio_chat.chat.rules import check_renames
from trio_chat.chat.sanctions import Defcon
from trio_chat.commands import records
from trio_chat.commands.audit import act, change, write
from trio_chat.commands.changes import (
    add_account,
    check_password,
    check_place,
    give_role,
    set_password,
)
from trio_chat.commands.table import Command, Context, Outcome, SessionRow
from trio_chat.errors import BadRequest, ChatError, LoginFailed, NameTaken, NotPermitted, UsageError
from trio_chat.events import timestamp
from trio_chat.text import fold

_LABEL_CHARACTERS = 40


async def register(context: Context, arguments: tuple[str, ...]) -> Outcome:
    *names, password = arguments
    name = check_nick(context.member.nick, context.config.limits)
    if names and fold(names[0]) != fold(name):
        # The first word of a pass phrase would become a name that everybody sees.
        raise BadRequest(f"an account has its nick for a name: /register PASSWORD makes {name}'s")
    _check_registration(context, name)
    check_password(context.config.accounts, name, password)
    hashed = await context.host.hash(password)
    _check_registration(context, name)  # somebody may have been faster
    context.host.check_still(context.member)
    account, puts = add_account(context.server, name, hashed, Role.MEMBER, context.now_ms)
    try:
        context = await become(context, account)
    except ChatError:
        context.server.accounts.remove(account)
        raise
    return Outcome(
        text=f"the account {name} is yours, and nobody else can be called so",
        data={"account": name},
        write=write(context, act(context, "register", target=name), *puts),
    )


def _check_registration(context: Context, name: str) -> None:
    """Raises NotPermitted, NameTaken."""
    member, server = context.member, context.server
    check_renames(member, server.sanctions, context.now_ms)
    if member.account is not None:
        raise NotPermitted(f"you are logged in as {member.account}; /logout first")
    if not context.config.accounts.registration or server.defcon >= Defcon.NO_NEW_ACCOUNTS:
        raise NotPermitted("no new accounts are made here for now")
    check_place(server.accounts, context.config.accounts)
    holder = context.directory.holder(name)
    if server.accounts.named(name) is not None or (holder is not None and holder is not member):
        raise NameTaken(f"the name {name} is taken")


async def login(context: Context, arguments: tuple[str, ...]) -> Outcome:
    *names, password = arguments
    if context.member.account is not None:
        raise NotPermitted(f"you are logged in as {context.member.account}; /logout first")
    account = await context.host.check_password(
        names[0] if names else context.member.nick, password
    )
    check_renames(context.member, context.server.sanctions, context.now_ms)
    await context.host.become(account)
    return Outcome(text=f"you are logged in as {account.name}", data={"account": account.name})


async def logout(context: Context, _: tuple[str, ...]) -> Outcome:
    name = own_account(context).name
    check_renames(context.member, context.server.sanctions, context.now_ms)
    await context.host.become(None)
    return Outcome(text=f"you are logged out of {name}; /nick NICK chooses another nick")


async def become(context: Context, account: Account | None) -> Context:
    """The session speaks for the account, or a guest; return the context as it is then."""
    await context.host.become(account)
    return dataclasses.replace(context, member=context.host.member)


async def passwd(context: Context, arguments: tuple[str, ...]) -> Outcome:
    old, new = arguments
    account = own_account(context)
    await context.host.check_password(account.name, old)
    check_password(context.config.accounts, account.name, new)
    hashed = await context.host.hash(new)
    context.host.check_still(context.member)
    if own_account(context).password != account.password:
        raise LoginFailed("the password was changed meanwhile")
    puts = set_password(context.server, own_account(context), hashed)
    return Outcome(
        text="the password is changed; other sessions go on: /sessions lists them",
        write=write(context, act(context, "passwd", target=account.name), *puts),
    )


async def account(context: Context, _: tuple[str, ...]) -> Outcome:
    own = own_account(context)
    tokens = context.server.accounts.tokens_of(own.id)
    sessions = context.host.sessions()
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


async def sessions(context: Context, arguments: tuple[str, ...]) -> Outcome:
    own_account(context)
    if arguments:
        if arguments[0] != "end" or len(arguments) < 2:
            raise UsageError(f"usage: {_SESSIONS.synopsis}")
        if not context.host.end_session(arguments[1]):
            raise BadRequest(f"you have no session {arguments[1]}; /sessions lists them")
        return Outcome(text=f"the session {arguments[1]} is ended")
    rows = context.host.sessions()
    return Outcome(
        text="\n".join(map(_session_line, rows))
        or "this session only, which leaves nothing behind",
        data={"sessions": [row._asdict() for row in rows]},
    )


def _session_line(row: SessionRow) -> str:
    state = "this one" if row.own else "linked" if row.linked else "link lost"
    client = row.client or "an unnamed program"
    since = timestamp(row.since_ms)[:16].replace("T", " ")
    return f"{row.id}  {state}  {client} from {row.address or '?'}, since {since} UTC"


async def token(context: Context, arguments: tuple[str, ...]) -> Outcome:
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
    tokens = context.server.accounts.tokens_of(own.id).values()
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
    if len(context.server.accounts.tokens_of(own.id)) >= most:
        raise NotPermitted(f"an account has at most {most} tokens; /token revoke ID takes one back")
    secret, id = new_token_secret(), new_account_id()[:6]
    key = token_key(secret)
    made = Token(id, own.id, label, scopes, context.now_ms)
    context.server.accounts.put_token(key, made)
    audit = act(context, "token", target=own.name, reason=f"{','.join(scopes)} {label}".strip())
    # The secret is shown once and stored nowhere, so a repetition is answered without it.
    context.host.notice(
        f"token {id} ({', '.join(scopes)}): {secret}   It is shown only now: keep it secret."
    )
    return Outcome(
        text=f"token {id} is made; its secret came as a notice, and comes only once",
        data={"id": id, "scopes": list(scopes), "label": label},
        write=write(context, audit, records.put_token(key, made)),
    )


def _revoke_token(context: Context, own: Account, id: str) -> Outcome:
    accounts = context.server.accounts
    for key, token in accounts.tokens_of(own.id).items():
        if token.id == id:
            accounts.drop_token(key)
            context.host.end_token(id)
            audit = act(context, "revoke token", target=own.name, reason=id)
            return Outcome(
                text=f"the token {id} opens nothing any more",
                write=write(context, audit, records.put_token(key, None)),
            )
    raise BadRequest(f"you have no token {id}; /token lists them")


async def claim(context: Context, arguments: tuple[str, ...]) -> Outcome:
    own = own_account(context)
    server = context.server
    context.host.guess()
    if not server.owner_code or arguments[0].upper().replace("-", "") != server.owner_code.replace(
        "-", ""
    ):
        raise LoginFailed("that is not the owner code, or the server has an owner already")
    owner, puts = give_role(server, own, Role.OWNER)
    audit = act(context, "claim", target=own.name, changes=[change("account", own.key, own, owner)])
    return Outcome(
        text="this server is yours now; /help lists what you may do",
        write=write(context, audit, *puts),
    )


async def block(context: Context, arguments: tuple[str, ...]) -> Outcome:
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
    member.blocks = {**member.blocks, identity: nick}
    _note_block(context, identity, blocked=True)
    context.host.remember()
    return Outcome(text=f"{nick} cannot write to you directly any more")


async def unblock(context: Context, arguments: tuple[str, ...]) -> Outcome:
    member, key = context.member, fold(arguments[0].removeprefix("@"))
    identities = [identity for identity, nick in member.blocks.items() if fold(nick) == key]
    if not identities:
        raise BadRequest(f"you do not block {arguments[0]}; /block lists whom you do")
    member.blocks = {id: nick for id, nick in member.blocks.items() if id not in identities}
    for identity in identities:
        _note_block(context, identity, blocked=False)
    context.host.remember()
    return Outcome(text=f"{arguments[0]} can write to you directly again")


def _somebody(context: Context, nick: str) -> tuple[str, str]:
    """The identity and nick of a member, or of an account that is not here."""
    holder = context.directory.holder(nick.removeprefix("@"))
    if holder is not None:
        return holder.identity, holder.nick
    account = context.server.accounts.named(nick)
    if account is not None:
        return account.identity, account.name
    member = context.directory.find_member(nick)  # names the nearest
    return member.identity, member.nick


def _note_block(context: Context, identity: str, *, blocked: bool) -> None:
    """A conversation that is open already is closed, or opened."""
    for direct in context.member.directs.values():
        if direct.partner_of(context.member.identity) == identity:
            if blocked:
                direct.blocked_by.add(context.member.identity)
            else:
                direct.blocked_by.discard(context.member.identity)


def own_account(context: Context) -> Account:
    """Raises NotPermitted."""
    account = context.server.accounts.by_id(context.member.account_id)
    if account is None:
        raise NotPermitted("you have no account here; /register PASSWORD makes one")
    return account


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
        "[NAME] PASSWORD",
        "Make an account, so that your nick is yours.",
        register,
        least=1,
        most=2,
        personal=True,
    ),
    Command(
        "login",
        "[NAME] PASSWORD",
        "Say whose account you speak for.",
        login,
        ("identify",),
        least=1,
        most=2,
        personal=True,
    ),
    Command("logout", "", "Be a guest again.", logout, personal=True),
    Command(
        "passwd",
        "OLD NEW",
        "Change your account's password.",
        passwd,
        ("password",),
        least=2,
        most=2,
        personal=True,
    ),
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
