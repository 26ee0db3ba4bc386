"""What the keys of the full screen do. prompt_toolkit calls the last binding that matches."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.filters import Condition, FilterOrBool
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from trio_chat.client.settings import Settings

if TYPE_CHECKING:
    from trio_chat.client.ui.full import FullScreen

Handler: TypeAlias = Callable[[KeyPressEvent], None]


class Keys(KeyBindings):
    """Key bindings by action: the settings say which keys an action has."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._keys = settings.bindings()

    def on(self, action: str, when: FilterOrBool = True) -> Callable[[Handler], Handler]:
        """Call the decorated function for every key of *action* in `keymap.ACTIONS`."""

        def bind(handler: Handler) -> Handler:
            for key in self._keys[action]:
                self.add(*key, filter=when)(handler)
            return handler

        return bind


def key_bindings(screen: FullScreen) -> KeyBindings:
    keys = Keys(screen.settings)
    _bind_leaving(keys, screen)
    _bind_pane(keys, screen)
    _bind_rooms(keys, screen)
    _bind_input(keys, screen)
    return keys


def _bind_leaving(keys: Keys, screen: FullScreen) -> None:
    is_empty = Condition(lambda: not screen.buffer.text)

    @keys.on("clear")
    def clear(event: KeyPressEvent) -> None:
        screen.buffer.reset()

    @keys.on("leave", is_empty)
    def leave(event: KeyPressEvent) -> None:
        screen.leave()

    @keys.on("suspend")
    def suspend(event: KeyPressEvent) -> None:
        event.app.suspend_to_background()


def _bind_pane(keys: Keys, screen: FullScreen) -> None:
    @keys.on("page_up")
    def page_up(event: KeyPressEvent) -> None:
        screen.pane.page_up()

    @keys.on("page_down")
    def page_down(event: KeyPressEvent) -> None:
        screen.pane.page_down()

    @keys.on("newest", Condition(lambda: screen.pane.is_scrolled))
    def follow(event: KeyPressEvent) -> None:
        screen.pane.follow()


def _bind_rooms(keys: Keys, screen: FullScreen) -> None:
    for number in range(1, 10):

        @keys.on(f"room_{number}")
        def go_to(event: KeyPressEvent, number: int = number) -> None:
            screen.go_to(number)

    @keys.on("next_room")
    def next_room(event: KeyPressEvent) -> None:
        screen.go_by(1)

    @keys.on("previous_room")
    def previous_room(event: KeyPressEvent) -> None:
        screen.go_by(-1)


def _bind_input(keys: Keys, screen: FullScreen) -> None:
    buffer = screen.buffer
    is_choosing = Condition(
        lambda: (
            buffer.complete_state is not None
            and buffer.complete_state.current_completion is not None
        )
    )

    @keys.on("send")
    def send(event: KeyPressEvent) -> None:
        buffer.validate_and_handle()

    @keys.on("send", is_choosing)
    def choose(event: KeyPressEvent) -> None:
        buffer.complete_state = None

    @keys.on("new_line")
    def new_line(event: KeyPressEvent) -> None:
        buffer.insert_text("\n")

    @keys.on("complete")
    def complete(event: KeyPressEvent) -> None:
        # At once if there is one answer: the menu comes later, and may be on its way already.
        requested = CompleteEvent(completion_requested=True)
        found = list(islice(buffer.completer.get_completions(buffer.document, requested), 2))
        if len(found) == 1:
            buffer.apply_completion(found[0])
        elif buffer.complete_state:
            buffer.complete_next()
        else:
            buffer.start_completion(insert_common_part=True)

    @keys.on("complete_back")
    def complete_back(event: KeyPressEvent) -> None:
        buffer.complete_previous()
