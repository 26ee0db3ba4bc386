"""Which names and texts are accepted, which are the same, and what a refusal says."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support_wire import read
from trio_chat.chat.lookalikes import skeleton
from trio_chat.chat.names import (
    check_line,
    check_nick,
    check_room,
    check_text,
    guest_nick,
    is_kept,
)
from trio_chat.config import LimitsSection
from trio_chat.errors import BadRequest, ChatError, NameInvalid, TooLong
from trio_chat.events import Said
from trio_chat.requests import Hello
from trio_chat.text import fold
from trio_chat.wire.plain import PlainWire

LIMITS = LimitsSection()
# Whatever parts or marks names: on a wire, in a list, before a room or a person.
SEPARATORS = set(' ,#@/{}<>:;!?*"&$=~%()\t\n')

# Letters of many scripts, and characters that look like some, hide, or fold into several.
NAMES = st.text(
    st.one_of(
        st.characters(categories=["L", "Nd"]),
        st.sampled_from("abAZ09_-[]'.`|^\\éßİſﬁ½⑴Ⅷ²ａＡ\u0301\u0345\u3164\ufe0f"),
    ),
    min_size=1,
    max_size=34,
)


def accepted(name: str) -> str | None:
    try:
        return check_nick(name, LIMITS)
    except NameInvalid:
        return None


@pytest.mark.parametrize(
    "nick",
    [
        *("alice", "A", "7a", "bob_", "bob-2", "o'neill", "[away]", "\\o", "x|y", "J.R."),
        *(
            "Żółć",
            "Ελένη",
            "наташа",
            "日本語",
            "สมชาย",
            "ஆனந்த்",
            "מֹשֶׁה",
            "محمد",
            "한국",
            "ａｌｉｃｅ",
            "x" * 32,
        ),
    ],
)
def test_names_of_many_scripts_are_accepted_as_they_are(nick: str) -> None:
    assert check_nick(nick, LIMITS) == unicodedata.normalize("NFC", nick)


@pytest.mark.parametrize(
    ("nick", "reason"),
    [
        ("", "a nick needs at least one character"),
        ("x" * 33, "a nick has at most 32 characters; this one has 33"),
        ("a b", "a nick cannot contain a blank"),
        ("a,b", "a nick cannot contain ','"),
        ("#lobby", "a nick cannot contain '#'"),
        ("@bob", "a nick cannot contain '@'"),
        ("a/b", "a nick cannot contain '/'"),
        ("{}", "a nick cannot contain '{'"),
        ("<b>", "a nick cannot contain '<'"),
        ("a\nb", "a nick cannot contain U+000A"),
        ("a\x1b[31m", "a nick cannot contain U+001B"),
        ("a\x00", "a nick cannot contain U+0000"),
        ("a\u202eb", "a nick cannot contain U+202E"),
        ("a\u200bb", "a nick cannot contain U+200B"),
        ("a\u200db", "a nick cannot contain U+200D"),
        ("a\u00a0b", "a nick cannot contain U+00A0"),
        ("a\u3164b", "a nick cannot contain U+3164"),
        ("a\ufe0f", "a nick cannot contain U+FE0F"),
        ("a\ud800", "a nick cannot contain U+D800"),
        ("a\U000e0101", "a nick cannot contain U+E0101"),
        ("a\u20dd", "a nick cannot contain U+20DD"),
        ("bob🙂", "a nick cannot contain '🙂'"),
        ("½", "a nick cannot contain '½'"),
        ("⑴", "a nick cannot contain '⑴'"),
        ("\u0301a", "a nick cannot start with the mark U+0301"),
        ("a\u0363\u0364\u0365", "a nick has at most 2 marks on one character"),
        ("-bob", "a nick starts with a letter, a digit or one of [ ] \\ ^ _ |"),
        ("'bob", "a nick starts with a letter, a digit or one of [ ] \\ ^ _ |"),
        ("___", "a nick needs a letter or a digit"),
        ("|-|", "a nick needs a letter or a digit"),
        *(
            (nick, "a nick needs a letter")
            for nick in ("1", "007", "127.0.0.1", "1_2", "[7]", "٣", "１２", "10.0.0", "१२")
        ),
    ],
)
def test_a_refused_nick_is_told_which_rule_it_breaks(nick: str, reason: str) -> None:
    with pytest.raises(NameInvalid) as caught:
        check_nick(nick, LIMITS)
    assert caught.value.message == reason


@pytest.mark.parametrize("name", ["#lobby", "bob*", "b?b", "account:bob", "::1", "10.0.0.0/8"])
def test_nick_that_reads_as_something_else_is_refused(name: str) -> None:
    """S14"""
    with pytest.raises(NameInvalid):
        check_nick(name, LIMITS)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "console",
            "Console",
            "c0nsole",
            "[console]",
            "SERVER",
            "system",
            "trio-chat",
            "trio_chat",
        ),
        *("root", "rоot", "everybody", "here", "all", "ourchat", "Our-Chat", "0urchat"),
    ],
)
def test_names_of_the_server_are_kept(name: str) -> None:
    """S5"""
    assert is_kept(name, "Our chat")


@pytest.mark.parametrize("name", ["consoles", "bob", "server-1", "rooted", "allan", "trio"])
def test_other_names_are_not_kept(name: str) -> None:
    assert not is_kept(name, "Our chat")


@pytest.mark.parametrize("longest", [1, 2, 7, 11, 12, 64])
def test_name_made_up_for_a_guest_is_one_whatever_the_limit(longest: int) -> None:
    limits = LimitsSection(nick_characters=longest)
    for _ in range(50):
        nick = guest_nick(limits)
        assert check_nick(nick, limits) == nick


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Alice", "aLICE"),
        ("alice", "ａｌｉｃｅ"),
        ("STRASSE", "straße"),
        ("é", "e\u0301"),
        ("Ⅷ", "viii"),
    ],
)
def test_nicks_that_look_alike_by_case_or_width_have_one_key(one: str, other: str) -> None:
    assert fold(check_nick(one, LIMITS)) == fold(check_nick(other, LIMITS))


def test_every_character_that_can_be_in_a_nick_is_seen_and_parts_nothing() -> None:
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.category(character) in ("Cn", "Co"):
            continue  # 970,000 that mean nothing
        try:
            nick = check_nick(f"a{character}", LIMITS)
        except NameInvalid:
            continue
        assert nick.isprintable(), hex(code)
        assert not SEPARATORS & {*nick, *fold(nick)}, hex(code)
        assert not any(part.isspace() for part in fold(nick)), hex(code)


@given(NAMES)
def test_an_accepted_nick_has_a_key_and_is_accepted_again_as_it_is(name: str) -> None:
    nick = accepted(name)
    if nick is not None:
        assert fold(nick)
        assert check_nick(nick, LIMITS) == nick


@given(NAMES)
def test_an_accepted_nick_survives_the_plain_wire(name: str) -> None:
    nick = accepted(name)
    if nick is None:
        return
    assert read(PlainWire(), nick.encode()) == Hello(nick=nick)
    at = "2026-11-22T12:00:00.000Z"
    said = Said(room="lobby", seq=1, at=at, sender=nick, text="hi", kind="message")
    assert PlainWire().show(said).decode().endswith(f"#lobby <{nick}> hi\n")


@pytest.mark.parametrize(
    "name", ["lobby", "#lobby", "trio-chat", "c++", "v1.2", "Büro", "日本語", "x" * 64]
)
def test_rooms_are_accepted_with_and_without_the_sign(name: str) -> None:
    assert check_room(name, LIMITS) == name.removeprefix("#")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "a room name needs at least one character"),
        ("#", "a room name needs at least one character"),
        ("x" * 65, "a room name has at most 64 characters; this one has 65"),
        ("##lobby", "a room name cannot contain '#'"),
        ("@bob", "a room name cannot contain '@'"),
        ("$audit", "a room name cannot contain '$'"),
        ("a b", "a room name cannot contain a blank"),
        ("a,b", "a room name cannot contain ','"),
        ("a|b", "a room name cannot contain '|'"),
        ("\u0301a", "a room name cannot start with the mark U+0301"),
        ("\ufdfa", "a room name cannot contain '\ufdfa'"),
        ("..", "a room name needs a letter or a digit"),
    ],
)
def test_a_refused_room_is_told_which_rule_it_breaks(name: str, reason: str) -> None:
    with pytest.raises(BadRequest) as caught:
        check_room(name, LIMITS)
    assert caught.value.message == reason


@given(NAMES)
def test_a_room_is_never_taken_for_a_conversation_or_a_log_of_the_server(name: str) -> None:
    try:
        room = check_room(name, LIMITS)
    except BadRequest:
        return
    assert fold(room)[0] not in "@$#"
    assert check_room(room, LIMITS) == room


def test_the_limits_of_names_come_from_the_configuration() -> None:
    limits = LimitsSection(nick_characters=3, room_characters=4)
    with pytest.raises(NameInvalid, match="at most 3 characters; this one has 5"):
        check_nick("alice", limits)
    with pytest.raises(BadRequest, match="at most 4 characters; this one has 5"):
        check_room("lobby", limits)


# --- texts


def test_a_text_may_fill_the_limit_and_not_pass_it() -> None:
    limits = LimitsSection(text_bytes=6)
    assert check_text("日本", limits) == "日本"
    with pytest.raises(TooLong) as caught:
        check_text("日本.", limits)
    assert caught.value.message == "a message has at most 6 bytes; this one has 7"


def test_a_text_has_a_limited_number_of_lines() -> None:
    limits = LimitsSection(text_lines=2)
    assert check_text("a\r\nb", limits) == "a\nb"
    with pytest.raises(TooLong) as caught:
        check_text("a\nb\nc", limits)
    assert caught.value.message == "a message has at most 2 lines; this one has 3"


@pytest.mark.parametrize(
    "text",
    ["", " ", "\n\n", "\t", "\u3000", "\u200b", "\u2800", "\u3164 \u115f", "\U000e0041", "\ufe0f"],
)
def test_nothing_cannot_be_said(text: str) -> None:
    """S21"""
    with pytest.raises(BadRequest, match="nothing to say"):
        check_text(text, LIMITS)


@given(st.text(max_size=200))
def test_what_may_be_said_can_be_shown(text: str) -> None:
    try:
        said = check_text(text, LIMITS)
    except ChatError:
        return
    assert check_text(said, LIMITS) == said
    assert not {"\x1b", "\r", "\u202e"} & set(said)


@pytest.mark.parametrize(
    "text",
    [
        *("Tiếng Việt", "שָׁלוֹם", "בְּרֵאשִׁ֖ית", "สวัสดี", "हिन्दी", "ཧྐྵྨླྺྼྻྂ", "👩‍💻 ❤️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 1️⃣"),
        *("a" + "\u0301" * 8 + "b" + "\u0301" * 8,),
    ],
)
def test_marks_of_every_language_may_be_said(text: str) -> None:
    """S21"""
    assert check_text(text, LIMITS) == text


@pytest.mark.parametrize("mark", ["\u0301", "\u0e47", "\u20dd", "\u0301\u200d", "\u0301\ufe0f"])
def test_more_marks_on_a_letter_than_any_language_has_are_refused(mark: str) -> None:
    """S21: they are drawn over the lines above and below."""
    with pytest.raises(BadRequest, match="a letter has at most 8 marks"):
        check_text(f"a{mark * 9}", LIMITS)
    with pytest.raises(BadRequest, match="a letter has at most 8 marks"):
        check_line(f"a{mark * 9}", "topic", 99)


@pytest.mark.parametrize("text", ["\u200b", "\u2800\u3164", "\u200e"])
def test_topic_or_reason_that_shows_nothing_is_empty(text: str) -> None:
    """S21"""
    assert check_line(text, "topic", 20) == ""


@pytest.mark.parametrize("nick", ["می\u200cخواهم", "क्\u200dष", "ක්\u200dෂ", "علی\u200cرضا"])
def test_joiner_between_letters_of_a_script_that_needs_it_is_part_of_a_nick(nick: str) -> None:
    """S22: the nick is looked up without it, so that no look-alike arises."""
    assert check_nick(nick, LIMITS) == nick
    assert check_room(nick, LIMITS) == nick
    assert fold(nick) == fold(nick.replace("\u200c", "").replace("\u200d", ""))
    assert skeleton(nick) == skeleton(nick.replace("\u200c", "").replace("\u200d", ""))


@pytest.mark.parametrize(
    "nick",
    [
        "bo\u200cb",
        "\u200cعلی",
        "علی\u200c",
        "عل\u200c\u200cی",
        "на\u200dта",
        "علی\u200c7",
        "太\u200d郎",
        "א\u200dב",
    ],
)
def test_joiner_elsewhere_is_no_part_of_a_nick(nick: str) -> None:
    """S22"""
    with pytest.raises(NameInvalid, match=r"cannot contain U\+200[CD]"):
        check_nick(nick, LIMITS)


def test_a_topic_or_a_reason_is_one_clean_line() -> None:
    assert check_line("  see\nyou\t\x1b[2J ", "reason", 20) == "see you \ufffd[2J"


def test_a_topic_or_a_reason_that_is_too_long_is_not_cut() -> None:
    assert check_line("x" * 5, "topic", 5) == "x" * 5
    with pytest.raises(TooLong) as caught:
        check_line("x" * 6, "topic", 5)
    assert caught.value.message == "a topic has at most 5 characters; this one has 6"


def test_name_much_too_long_is_refused_before_its_marks_are_ordered() -> None:
    """Ordering the marks of 16 KiB takes 0.1 s, in which nobody else is served."""
    for check in (check_nick, check_room):
        with pytest.raises(ChatError, match="this one has 8001"):
            check("a" + "\u0323\u0301" * 4000, LIMITS)
    composed = check_nick("e\u0323\u0302" * 32, LIMITS)
    assert composed == "\u1ec7" * 32
