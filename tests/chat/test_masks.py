"""Whom a mask catches, how it is written, and which are refused."""

from __future__ import annotations

import time
import unicodedata
from ipaddress import IPv4Address, IPv6Address, ip_network

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.chat.masks import (
    Mask,
    Subject,
    account_mask,
    compile_glob,
    network_mask,
    nick_mask,
    parse_mask,
)
from trio_chat.chat.names import check_nick
from trio_chat.config import LimitsSection
from trio_chat.errors import BadRequest, ChatError, NameInvalid, NoSuchMember
from trio_chat.text import fold

ACCOUNTS = {"bob": ("a1", "Bob"), "192.0.2.7": ("a2", "192.0.2.7")}
GLOBS = st.text("ab*?.\n", max_size=12)
WORDS = st.text("ab.\n", max_size=12)
# Text near to what is a mask, and any other.
TYPED = st.one_of(
    st.text(max_size=300),
    st.builds(
        str.__add__,
        st.sampled_from(["", "account:", "nick:", "addr:", "addr:::ffff:", "@", "::", "192.0.2."]),
        st.text("019af.:/%*?@bo＊ﷺ\u0301[]", max_size=80),
    ),
)


def account_of(name: str) -> tuple[str, str] | None:
    return ACCOUNTS.get(fold(name))


def parse(text: str) -> Mask:
    return parse_mask(text, account_of=account_of)


def guest(key: str = "eve", address: str = "") -> Subject:
    return Subject(key, "", address)


# --- how it is written


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("bob", Mask("account", "a1", "account Bob")),
        ("@BOB", Mask("account", "a1", "account Bob")),
        ("account:bob", Mask("account", "a1", "account Bob")),
        ("nick:bob", Mask("nick", "bob", "nick bob")),
        ("Eve", Mask("nick", "eve", "nick eve")),
        ("@Eve", Mask("nick", "eve", "nick eve")),
        ("bo?", Mask("nick", "bo?", "nick bo?")),
        ("*SPAM*", Mask("nick", "*spam*", "nick *spam*")),
        ("＊spam", Mask("nick", "*spam", "nick *spam")),
        ("nick:[bot]*", Mask("nick", "[bot]*", "nick [bot]*")),
        ("a**b*?*?c", Mask("nick", "a*b??*c", "nick a*b??*c")),
        ("nick:192.0.2.*", Mask("nick", "192.0.2.*", "nick 192.0.2.*")),
        ("192.0.2.7", Mask("address", "192.0.2.7/32", "192.0.2.7")),
        ("addr:192.0.2.7", Mask("address", "192.0.2.7/32", "192.0.2.7")),
        ("192.0.2.7/24", Mask("address", "192.0.2.0/24", "192.0.2.0/24")),
        ("192.0.2.7/255.255.255.0", Mask("address", "192.0.2.0/24", "192.0.2.0/24")),
        ("10.0.0.0/8", Mask("address", "10.0.0.0/8", "10.0.0.0/8")),
        ("::1", Mask("address", "::1/128", "::1")),
        ("2001:DB8:0:0::5/64", Mask("address", "2001:db8::/64", "2001:db8::/64")),
        ("addr:2001:2000::/19", Mask("address", "2001:2000::/19", "2001:2000::/19")),
        ("::ffff:192.0.2.7", Mask("address", "192.0.2.7/32", "192.0.2.7")),
        ("::ffff:192.0.2.7/120", Mask("address", "192.0.2.0/24", "192.0.2.0/24")),
        ("fe80::1%eth0", Mask("address", "fe80::1/128", "fe80::1")),
    ],
)
def test_a_mask_is_read_in_its_normal_form(text: str, mask: Mask) -> None:
    assert parse(text) == mask


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a mask is one word, of characters that can be seen"),
        ("two words", "a mask is one word, of characters that can be seen"),
        ("a\x1b[31m", "a mask is one word, of characters that can be seen"),
        ("a\ud800", "a mask is one word, of characters that can be seen"),
        ("x" * 257, "a mask has at most 256 characters; this one has 257"),
        ("x" * 64 + "*", "a nick mask has at most 64 characters; this one has 65"),
        ("*", "a nick mask needs more than * and ?, or it catches everybody"),
        ("nick:??*", "a nick mask needs more than * and ?, or it catches everybody"),
        ("＊", "a nick mask needs more than * and ?, or it catches everybody"),
        ("nick:", "a nick mask needs more than * and ?, or it catches everybody"),
        ("eve!*", "a nick cannot contain '!'; a network is written addr:NETWORK"),
        ("*@example", "a nick cannot contain '@'; a network is written addr:NETWORK"),
        (
            "addr:eve",
            "eve is no address and no network such as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/64",
        ),
        (
            "192.0.2.0/33",
            "192.0.2.0/33 is no address and no network such as 192.0.2.7, 192.0.2.0/24"
            " or 2001:db8::/64",
        ),
        ("10.0.0.0/7", "10.0.0.0/7 catches too many: an IPv4 network is at most a /8"),
        ("0.0.0.0/0", "0.0.0.0/0 catches too many: an IPv4 network is at most a /8"),
        ("::ffff:0.0.0.0/100", "0.0.0.0/4 catches too many: an IPv4 network is at most a /8"),
        ("2001::/18", "2001::/18 catches too many: an IPv6 network is at most a /19"),
        ("::/0", "::/0 catches too many: an IPv6 network is at most a /19"),
    ],
)
def test_a_refused_mask_is_told_why(text: str, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse(text)
    assert caught.value.message == message


@pytest.mark.parametrize("name", ["eve", "", "*"])
def test_an_account_has_to_exist_to_be_meant(name: str) -> None:
    with pytest.raises(NoSuchMember) as caught:
        parse(f"account:{name}")
    assert caught.value.message == f"there is no account {name}"


@given(TYPED)
def test_whatever_is_typed_is_a_mask_or_refused_and_can_be_stored(text: str) -> None:
    try:
        mask = parse(text)
    except ChatError:
        return
    assert mask.label.isprintable()
    assert msgspec.json.decode(msgspec.json.encode(mask), type=Mask) == mask


@given(TYPED)
def test_a_mask_is_read_again_from_what_it_came_to(text: str) -> None:
    try:
        mask = parse(text)
    except ChatError:
        return
    written = {"account": "account:bob", "nick": f"nick:{mask.value}", "address": mask.label}
    assert mask.kind == "account" or parse(written[mask.kind]) == mask


@given(TYPED, st.sampled_from(["eve", "bob", "zoë"]), st.sampled_from(["unix", "", "2001:db8::1"]))
def test_no_mask_catches_all_kinds_of_people(text: str, nick: str, address: str) -> None:
    try:
        mask = parse(text)
    except ChatError:
        return
    everybody = guest(nick, address), guest("q" * 9, "198.51.100.1"), Subject("x", "a9", "stream")
    assert not all(mask.matches(subject) for subject in everybody)


@pytest.mark.parametrize(
    "damaged",
    [
        b'{"kind":"account","value":"","label":"account bob"}',
        b'{"kind":"address","value":"192.0.2.7/24","label":"192.0.2.0/24"}',
        b'{"kind":"address","value":"everywhere","label":"everywhere"}',
        b'{"kind":"smell","value":"bad","label":"bad"}',
    ],
)
def test_a_damaged_mask_is_not_taken_from_the_store(damaged: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(damaged, type=Mask)


# --- whom it catches


@pytest.mark.parametrize(
    ("text", "subject", "is_caught"),
    [
        ("bob", Subject("eve", "a1", ""), True),
        ("bob", Subject("bob", "a9", ""), False),
        ("bob", guest("bob"), False),
        ("nick:bob", guest("bob"), True),
        ("nick:bob", guest("bobby"), False),
        ("bo?", guest("bob"), True),
        ("bo?", guest("bo"), False),
        ("STRASSE*", guest(fold("Straße7")), True),
        ("[ab]*", guest("[ab]c"), True),
        ("[ab]*", guest("ac"), False),
        (r"\\*", guest(r"\\x"), True),
        ("192.0.2.7", guest(address="192.0.2.7"), True),
        ("192.0.2.7", guest(address="192.0.2.8"), False),
        ("192.0.2.0/24", guest(address="192.0.2.200"), True),
        ("192.0.2.0/24", guest(address="::ffff:192.0.2.200"), True),
        ("192.0.2.0/24", guest(address="192.0.3.0"), False),
        ("2001:db8::/64", guest(address="2001:db8::7"), True),
        ("2001:db8::/64", guest(address="2001:db8:0:1::7"), False),
        ("2001:db8::/64", guest(address="32.1.13.184"), False),
        ("fe80::/64", guest(address="fe80::1%eth0"), True),
        *(("192.0.2.0/24", guest(address=address), False) for address in ("unix", "stream", "")),
        *(("::/64", guest(address=address), False) for address in ("unix", "192.0.2.7")),
    ],
)
def test_whom_a_mask_catches(text: str, subject: Subject, is_caught: bool) -> None:
    assert parse(text).matches(subject) is is_caught


@given(st.ip_addresses(), st.integers(0, 32), st.ip_addresses())
def test_networks_agree_with_the_standard_library(
    base: IPv4Address | IPv6Address, bits: int, other: IPv4Address | IPv6Address
) -> None:
    network = ip_network(f"{base}/{bits}", strict=False)
    for address in (base, other):
        if not getattr(address, "ipv4_mapped", None):
            is_caught = network_mask(network).matches(guest(address=str(address)))
            assert is_caught == (address in network)


def naive_matches(glob: str, text: str) -> bool:
    if not glob:
        return not text
    if glob[0] == "*":
        return any(naive_matches(glob[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and glob[0] in ("?", text[0]) and naive_matches(glob[1:], text[1:])


@given(GLOBS, WORDS)
def test_globs_agree_with_a_naive_matcher(glob: str, text: str) -> None:
    assert bool(compile_glob(glob).fullmatch(text)) == naive_matches(glob, text)


@given(st.text("ab*?[]\\.é", min_size=1, max_size=10), st.text("ab[]\\.é", max_size=8))
def test_the_normal_form_of_a_glob_catches_the_same(glob: str, text: str) -> None:
    try:
        mask = nick_mask(glob)
    except BadRequest:
        return
    assert mask.matches(guest(text)) == naive_matches(fold(glob), text)


@pytest.mark.parametrize("piece", ["*a", "*?a", "?*", "a?*"])
def test_no_glob_takes_long(piece: str) -> None:
    glob, text = piece * (64 // len(piece) - 1) + "b", "a" * 256
    started = time.perf_counter()
    assert not compile_glob(glob).fullmatch(text)
    assert time.perf_counter() - started < 0.1  # a search that tries again takes years


def test_every_nick_can_be_masked_exactly_and_in_part() -> None:
    for character in map(chr, range(0x30000)):
        is_mark = unicodedata.category(character)[0] == "M"
        if not (is_mark or character.isascii() or fold(character) != character):
            continue  # what stays as it is when folded
        try:
            nick = check_nick(f"a{character}", LimitsSection())
        except NameInvalid:
            continue
        key = fold(nick)
        assert nick_mask(nick).matches(guest(key)), hex(ord(character))
        assert nick_mask(f"{nick}*").matches(guest(key)), hex(ord(character))


def test_the_longest_nick_can_be_masked_and_read() -> None:
    nick = check_nick("ﷴ" * 32, LimitsSection())
    assert len(fold(nick)) == 128
    assert parse(nick).matches(guest(fold(nick)))


def test_two_masks_with_one_key_catch_the_same_whatever_they_are_called() -> None:
    assert account_mask("a1", "bob").key == account_mask("a1", "robert").key
    assert parse("192.0.2.9/24").key == parse("::ffff:192.0.2.1/120").key
    assert parse("a**b").key == parse("A*B").key
    assert account_mask("a1", "bob").key != nick_mask("a1").key
