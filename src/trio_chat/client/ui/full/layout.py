"""Where everything stands on the full screen. It knows what is shown, not what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    AppendAutoSuggestion,
    BeforeInput,
    PasswordProcessor,
)
from prompt_toolkit.widgets import SearchToolbar

from trio_chat.client.ui.full.bars import member_list

if TYPE_CHECKING:
    from trio_chat.client.ui.full.full import FullScreen

# The text keeps at least 50 columns beside the members.
MEMBERS_FROM_COLUMNS = 84


def members_columns(columns: int) -> int:
    return 16 if columns < 120 else 20


class Places:
    """The windows that can be focused, and the layout they are in."""

    def __init__(self, screen: FullScreen) -> None:
        search = SearchToolbar()
        self.input = BufferControl(
            screen.buffer,
            search_buffer_control=search.control,
            preview_search=True,
            input_processors=[
                BeforeInput(lambda: f"{screen.model.house.nick} ❯ ", style="class:prompt"),
                AppendAutoSuggestion(style="class:dim"),
            ],
        )
        self.secret = BufferControl(
            screen.secret_buffer,
            input_processors=[
                PasswordProcessor(),
                BeforeInput(screen.secret_label, style="class:question"),
            ],
        )
        self.question = FormattedTextControl(screen.question_text, focusable=True)
        self.listing = FormattedTextControl(
            lambda: [*screen.draw_listing()], focusable=True, show_cursor=False
        )
        rows = HSplit(
            [
                Window(
                    FormattedTextControl(lambda: [*screen.draw_title()]),
                    height=1,
                    style="class:bar",
                ),
                _body(screen, self.listing),
                Window(FormattedTextControl(screen.draw_status), height=1, style="class:bar"),
                search,
                self._bottom(screen),
            ]
        )
        menu = Float(CompletionsMenu(max_height=8, scroll_offset=1), xcursor=True, ycursor=True)
        self.layout = Layout(
            FloatContainer(rows, [menu], style="class:screen"), focused_element=self.input
        )

    def _bottom(self, screen: FullScreen) -> HSplit:
        is_asked = Condition(lambda: screen.question is not None)
        is_secret = Condition(lambda: screen.secret is not None)
        third = _third_of(screen)
        return HSplit(
            [
                ConditionalContainer(
                    Window(
                        self.question,
                        wrap_lines=True,
                        height=third,
                        dont_extend_height=True,
                        style="class:question",
                    ),
                    filter=is_asked,
                ),
                ConditionalContainer(Window(self.secret, height=1), filter=is_secret),
                ConditionalContainer(
                    Window(self.input, height=third, wrap_lines=True, dont_extend_height=True),
                    filter=~is_asked & ~is_secret,
                ),
                # Below the line, because the menu comes above it.
                ConditionalContainer(
                    Window(FormattedTextControl(screen.hint), height=1, style="class:hint"),
                    filter=Condition(lambda: bool(screen.hint())),
                ),
            ]
        )


def _third_of(screen: FullScreen) -> Dimension:
    """What is typed grows, up to a third of the screen."""

    def rows() -> Dimension:
        return Dimension(min=1, max=max(1, screen.app.output.get_size().rows // 3))

    return rows  # type: ignore[return-value]


def _body(screen: FullScreen, listing: FormattedTextControl) -> HSplit:
    def columns() -> int:
        return screen.app.output.get_size().columns

    members = Window(
        FormattedTextControl(
            lambda: [
                *member_list(
                    screen.model,
                    screen.pane.renderer,
                    members_columns(columns()),
                    screen.pane.height,
                )
            ]
        ),
        width=lambda: Dimension.exact(members_columns(columns())),
        wrap_lines=False,
    )
    is_wide = Condition(lambda: columns() >= MEMBERS_FROM_COLUMNS)
    rule = Window(width=1, char="│", style="class:rule")
    pane = VSplit(
        [
            Window(screen.pane),
            ConditionalContainer(VSplit([rule, members]), filter=is_wide),
        ]
    )
    is_listing = Condition(lambda: screen.listing is not None)
    return HSplit(
        [
            ConditionalContainer(Window(listing, wrap_lines=False), filter=is_listing),
            ConditionalContainer(pane, filter=~is_listing),
        ]
    )
