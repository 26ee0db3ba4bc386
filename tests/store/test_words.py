"""Which words are found in a text, in every script: the same in every back end."""

from __future__ import annotations

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support_store import Open, talking
from trio_chat.store.query import Matcher, parse_query
from trio_chat.store.sqlite.search.index import words_in
from trio_chat.store.words import spaced, words_of

# A text of a script without blanks, and what stands in it.
UNSPACED = [
    (
        "我家在上海东边。",
        ["上海", "我家", "东边", "在", "家在上海", "我家在上海东边", "上海东边。"],
    ),
    ("買了iPhone手機，2024年", ["iphone", "手機", "買了", "2024年", "了iPhone手", "年"]),
    ("東京タワーへ行きました", ["東京", "タワー", "行き", "ました", "へ", "東京タワー"]),
    ("ﾄｳｷｮｳ のﾊﾟﾝ", ["トウキョウ", "パン", "ﾊﾟﾝ"]),
    ("서울에서 만나요", ["서울", "만나", "서울에서", "에서 만나요", "나요"]),
    ("한국어", ["\u1112\u1161\u11ab\u1100\u116e\u11a8", "국어"]),
    ("ฉันอยู่ที่กรุงเทพมหานคร", ["กรุงเทพ", "ที่", "อยู่ที่", "มหานคร"]),
    ("ຂ້ອຍຢູ່ວຽງຈັນ", ["ວຽງຈັນ", "ຢູ່"]),
    ("ខ្ញុំរស់នៅភ្នំពេញ", ["ភ្នំពេញ", "នៅ"]),
    ("ကျွန်တော်ရန်ကုန်မှာနေတယ်", ["ရန်ကုန်", "မှာ"]),
    ("བོད་ཡིག", ["ཡིག", "བོད"]),
    ("\U00020000\U00020001は", ["\U00020001", "\U00020000\U00020001"]),
]
ABSENT = [
    ("我家在上海东边。", ["海上", "上东", "京", "上海西", "上海 西"]),
    ("買了iPhone手機", ["phone", "手了"]),
    ("ที่ไป", ["มา", "ไปที่"]),
    ("มา", ["มี"]),
    ("か", ["が"]),
    ("서울에서", ["에서울"]),
]


@pytest.mark.parametrize(("text", "queries"), UNSPACED)
async def test_what_stands_in_a_text_without_blanks_is_found(
    open_store: Open, text: str, queries: list[str]
) -> None:
    """S18: words inside Chinese, Japanese, Korean, Thai, Lao, Khmer, Burmese text are found."""
    async with talking(open_store()) as talk:
        for neighbour in ("other words", "一二三", "กขค", text[::-1]):
            await talk.say(neighbour)
        await talk.say(text)
        await talk.say(f"before {text} after", room="other")
        for query in queries:
            assert text in await talk.texts(query), query
            assert await talk.texts(query, rooms=["other"]) == [f"before {text} after"], query
            assert text in await talk.texts(f'"{query}"'), query
            assert await talk.texts(f"before {query}", rooms=["other"]) != [], query


@pytest.mark.parametrize(("text", "queries"), ABSENT)
async def test_what_does_not_stand_in_such_a_text_is_not_found(
    open_store: Open, text: str, queries: list[str]
) -> None:
    """S18: characters in another order, or other vowels, are another word."""
    async with talking(open_store()) as talk:
        await talk.say(text)
        for query in queries:
            assert await talk.texts(query) == [], query


async def test_such_texts_are_found_as_they_are_now(open_store: Open) -> None:
    """S18: what was edited or deleted is found by what it says now."""
    async with talking(open_store()) as talk:
        for text in ("我在上海", "我在北京", "我在广州"):
            await talk.say(text)
        await talk.say("我在深圳", kind="edited", target=1)
        await talk.say("", kind="deleted", target=2)
        for _ in range(2):
            assert await talk.texts("上海") == await talk.texts("北京") == []
            assert await talk.texts("深圳") == ["我在深圳"]
            assert await talk.texts("我在") == ["我在广州", "我在深圳"]
            await talk.settle()


async def test_words_of_other_scripts_stay_whole(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        for text in ("naïve Œuvre", "Серёжа пришёл", "ελληνικά", "שלום עולם", "hello"):
            await talk.say(text)
        assert await talk.texts("naive") == ["naïve Œuvre"]
        assert await talk.texts("пришёл") == ["Серёжа пришёл"]
        assert await talk.texts("приш*") == ["Серёжа пришёл"]
        assert await talk.texts("שלום") == ["שלום עולם"]
        assert await talk.texts("ell") == await talk.texts("пришё") == await talk.texts("λην") == []


texts = st.text(
    st.sampled_from("ab ,上海东のカが서울ทีนេမ2") | st.characters(exclude_categories=["Cs"]),
    max_size=12,
)


@settings(deadline=None)
@given(text=texts)
def test_the_index_has_the_words_of_unspaced_scripts_that_the_matcher_has(text: str) -> None:
    """S18: both back ends cut a text in the same places."""
    wanted = [word for word in words_of(spaced(text)) if spaced(word) != word or len(word) == 1]
    db = apsw.Connection(":memory:")
    try:
        indexed = words_in(db, spaced(text))
    finally:
        db.close()
    of_the_kind = set(" 上海东のカが서울") | {chr(0xF0000 + ord(c)) for c in "ทีนេမ"}
    assert [word for word in indexed if word in of_the_kind] == [
        word for word in wanted if word in of_the_kind
    ]


@given(before=texts, part=st.text(st.sampled_from("上海东のカ서울ท"), min_size=1), after=texts)
def test_every_part_of_an_unspaced_run_is_matched(before: str, part: str, after: str) -> None:
    """S18, for any text around it."""
    if len(part) <= 64:
        assert Matcher(parse_query(part)).matches(f"{before} {part} {after}")
