"""Where everything stands on the full screen. It knows what is shown, not what it means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prompt_toolkit.filters import Condition
from prompt_toolkit.layout import (
    BufferControl,
    ConditionalContainer,
    Dimension,
    Float,
    FloatContainer,
    FormattedTextControl,
    HSplit,
    Layout,
    VSplit,
    Window,
)
from prompt_toolkit.layout.menus import CompletionsMenu
from prompt_toolkit.layout.processors import (
    AfterInput,
    AppendAutoSuggestion,
    BeforeInput,
    PasswordProcessor,
)
from prompt_toolkit.widgets import SearchToolbar

from trio_chat.client.ui.full.bars import Fragments, member_list
from trio_chat.client.ui.full.desk import Desk
from trio_chat.client.ui.input.drawing import DrawSteady
from trio_chat.client.ui.input.masking import MaskPasswords

# The text keeps at least 50 columns beside the members.
MEMBERS_FROM_COLUMNS = 84


def members_columns(columns: int) -> int:
    return 16 if columns < 120 else 20


def make_layout(desk: Desk, draw_status: Callable[[], Fragments]) -> Layout:
    """Return the windows in their places, the input line focused."""
    search = SearchToolbar()
    rows = HSplit(
        [
            _bar(desk.draw_title),
            _body(desk),
            _bar(draw_status),
            search,
            _bottom(desk, search),
        ]
    )
    menu = Float(CompletionsMenu(max_height=8, scroll_offset=1), xcursor=True, ycursor=True)
    return Layout(FloatContainer(rows, [menu], style="class:screen"), focused_element=desk.buffer)


def _bar(draw: Callable[[], Fragments]) -> Window:
    return Window(FormattedTextControl(draw), height=1, style="class:bar")


def _bottom(desk: Desk, search: SearchToolbar) -> HSplit:
    is_asked = Condition(lambda: desk.question is not None)
    is_secret = Condition(lambda: desk.secret is not None)
    is_filtering = Condition(lambda: desk.is_filtering)
    # What is typed grows, up to a third of the screen.
    grows: dict[str, Any] = {
        "wrap_lines": True,
        "height": lambda: Dimension(min=1, max=max(1, desk.rows // 3)),
        "dont_extend_height": True,
    }
    question = Window(desk.question_control, style="class:question", **grows)
    return HSplit(
        [
            ConditionalContainer(question, filter=is_asked),
            ConditionalContainer(Window(_secret(desk), height=1), filter=is_secret),
            ConditionalContainer(Window(_filter(desk), height=1), filter=is_filtering),
            ConditionalContainer(
                Window(_input(desk, search), **grows),
                filter=~is_asked & ~is_secret & ~is_filtering,
            ),
            # Below the line, because the menu comes above it.
            ConditionalContainer(
                Window(FormattedTextControl(desk.hint), height=1, style="class:hint"),
                filter=Condition(lambda: bool(desk.hint())),
            ),
        ]
    )


def _input(desk: Desk, search: SearchToolbar) -> BufferControl:
    return BufferControl(
        desk.buffer,
        search_buffer_control=search.control,
        preview_search=True,
        input_processors=[
            MaskPasswords(),
            DrawSteady(),
            BeforeInput(desk.prompt, style="class:prompt"),
            AppendAutoSuggestion(style="class:dim"),
            AfterInput(desk.greeting, style="class:dim"),
        ],
    )


def _secret(desk: Desk) -> BufferControl:
    return BufferControl(
        desk.secret_buffer,
        input_processors=[
            PasswordProcessor(),
            BeforeInput(desk.secret_label, style="class:question"),
        ],
    )


def _filter(desk: Desk) -> BufferControl:
    before = BeforeInput(" with: ", style="class:question")
    return BufferControl(desk.filter_buffer, input_processors=[before])


def _body(desk: Desk) -> HSplit:
    is_wide = Condition(lambda: desk.columns >= MEMBERS_FROM_COLUMNS)
    rule = Window(width=1, char="│", style="class:rule")
    beside = VSplit([rule, _members(desk)])
    pane = VSplit([Window(desk.pane), ConditionalContainer(beside, filter=is_wide)])
    listing = Window(desk.listing_control, wrap_lines=False)
    is_listing = Condition(lambda: desk.listing is not None)
    return HSplit(
        [
            ConditionalContainer(listing, filter=is_listing),
            ConditionalContainer(pane, filter=~is_listing),
        ]
    )


def _members(desk: Desk) -> Window:
    def draw() -> Fragments:
        columns = members_columns(desk.columns)
        return [*member_list(desk.model, desk.pane.renderer, columns, desk.pane.height)]

    return Window(
        FormattedTextControl(draw),
        width=lambda: Dimension.exact(members_columns(desk.columns)),
        wrap_lines=False,
    )
