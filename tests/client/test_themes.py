"""Themes: whole, readable, and understood by prompt_toolkit."""

from __future__ import annotations

import re

import pytest
from prompt_toolkit.styles import Style

from trio_chat.client.settings.themes import CLASSES, THEMES, check_styles
from trio_chat.client.text.render import NICK_COLOURS

# Contrast as in WCAG 2.2: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
GROUNDS = [
    *[("dark", "#000000", 4.5), ("dark", "#ffffff", 3.0)],
    *[("light", "#ffffff", 4.5), ("high-contrast", "#000000", 7.0)],
]


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", THEMES)
def test_theme_has_a_rule_for_every_class(name: str) -> None:
    rules = THEMES[name]
    assert set(rules) == CLASSES
    assert {f"nick{number}" for number in range(NICK_COLOURS)} <= CLASSES
    check_styles(rules)
    Style.from_dict(rules)


@pytest.mark.parametrize(("name", "ground", "least"), GROUNDS)
def test_every_colour_can_be_read(name: str, ground: str, least: float) -> None:
    for class_, rule in THEMES[name].items():
        for colour in re.findall(r"(?<!bg:)(#[0-9a-f]{6})", rule):
            assert contrast(colour, ground) >= least, (class_, colour)


def test_theme_none_has_no_colour() -> None:
    assert not [rule for rule in THEMES["none"].values() if re.search("#|ansi", rule)]


@pytest.mark.parametrize("rule", ["bold #5f87d7", "bg:ansiblue nobold", "fg:#123 underline", ""])
def test_rules_that_prompt_toolkit_takes_are_taken(rule: str) -> None:
    check_styles({"own": rule})
    Style.from_dict({"own": rule})
