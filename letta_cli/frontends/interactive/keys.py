"""What each key does. A table of bindings; the actions are methods of whoever has the screen."""

from collections.abc import Callable
from typing import Protocol

from prompt_toolkit.filters import Condition, is_searching
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys

from letta_cli.frontends.interactive.panel import KEYS


class Actions(Protocol):
    """What keys can do."""

    def panel_open(self) -> bool: ...
    def panel_press(self, key: str, text: str = "") -> None: ...
    def submit(self) -> None: ...
    def newline(self) -> None: ...
    def paste(self, text: str) -> None: ...
    def accept_completion(self) -> None: ...
    def escape(self) -> None: ...
    def interrupt(self) -> None: ...
    def leave_if_empty(self) -> None: ...
    def next_mode(self) -> None: ...
    def expand_output(self) -> None: ...
    def open_editor(self) -> None: ...
    def redraw(self) -> None: ...
    def show_keys(self) -> None: ...


def key_bindings(actions: Actions, *, is_empty: Callable[[], bool]) -> KeyBindings:
    """All keys of the chat; while a panel is open they all go to the panel."""
    bindings = KeyBindings()
    # In a history search the keys belong to the search.
    writing = ~Condition(actions.panel_open) & ~is_searching
    plain: dict[tuple[str, ...], Callable[[], None]] = {
        ("enter",): actions.submit,
        ("c-j",): actions.newline,
        ("escape", "enter"): actions.newline,
        ("tab",): actions.accept_completion,
        ("escape",): actions.escape,
        ("c-c",): actions.interrupt,
        ("s-tab",): actions.next_mode,
        ("c-o",): actions.expand_output,
        ("c-g",): actions.open_editor,
        ("c-x", "c-e"): actions.open_editor,
        ("c-l",): actions.redraw,
    }
    for keys, action in plain.items():
        bindings.add(*keys, filter=writing)(_calling(action))
    empty = Condition(is_empty)
    bindings.add("c-d", filter=writing & empty)(_calling(actions.leave_if_empty))
    bindings.add("?", filter=writing & empty)(_calling(actions.show_keys))

    def suspend(event: KeyPressEvent) -> None:
        event.app.suspend_to_background()

    def paste(event: KeyPressEvent) -> None:
        actions.paste(event.data)

    bindings.add("c-z", filter=writing)(suspend)
    bindings.add(Keys.BracketedPaste, filter=writing)(paste)
    _add_panel_keys(bindings, actions)
    return bindings


def _calling(action: Callable[[], None]) -> Callable[[KeyPressEvent], None]:
    return lambda event: action()


def _add_panel_keys(bindings: KeyBindings, actions: Actions) -> None:
    panel = Condition(actions.panel_open)

    def named(key: str) -> Callable[[KeyPressEvent], None]:
        return lambda event: actions.panel_press(key)

    def typed(event: KeyPressEvent) -> None:
        if event.data.isprintable():
            actions.panel_press("text", event.data)

    def pasted(event: KeyPressEvent) -> None:
        actions.panel_press("paste", event.data)

    bindings.add(Keys.Any, filter=panel)(typed)
    bindings.add(Keys.BracketedPaste, filter=panel)(pasted)
    for key in KEYS:
        bindings.add(key, filter=panel, eager=key != "escape")(named(key))
