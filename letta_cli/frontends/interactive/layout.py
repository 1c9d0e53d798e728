"""The live part of the screen: a panel, what is happening, the input, the menu or toolbar."""

from collections.abc import Callable

from prompt_toolkit.application import get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition, is_searching
from prompt_toolkit.formatted_text import (
    ANSI,
    AnyFormattedText,
    StyleAndTextTuples,
    fragment_list_to_text,
    to_formatted_text,
)
from prompt_toolkit.layout import (
    BufferControl,
    ConditionalContainer,
    FormattedTextControl,
    HSplit,
    Layout,
    VerticalAlign,
    Window,
)
from prompt_toolkit.layout.dimension import Dimension
from prompt_toolkit.layout.processors import AfterInput, ConditionalProcessor
from prompt_toolkit.styles import Style
from prompt_toolkit.utils import get_cwidth
from prompt_toolkit.widgets import SearchToolbar

from letta_cli.frontends.interactive.look import Look

MENU_ROWS = 7
_INPUT_ROWS = 8

STYLE = Style.from_dict(
    {
        "rule": "ansibrightblack",
        "title": "ansibrightblack bold",
        "prompt": "ansicyan bold",
        "placeholder": "ansibrightblack",
        "toolbar": "ansibrightblack",
        "toolbar.hint": "ansiyellow",
        "toolbar.warn": "ansiyellow",
        "toolbar.bad": "ansired",
        "toolbar.acceptedits": "ansimagenta",
        "toolbar.plan": "ansicyan",
        "toolbar.dontask": "ansimagenta",
        "toolbar.bypasspermissions": "ansired bold",
        "menu": "",
        "menu.current": "ansicyan bold",
        "menu.meta": "ansibrightblack",
    }
)


class Screen:
    """Builds the layout; `live` and `panel` render to text with escape codes."""

    def __init__(
        self,
        buffer: Buffer,
        look: Look,
        *,
        live: Callable[[int, int], str],
        panel: Callable[[int, int], str | None],
        toolbar: Callable[[int], StyleAndTextTuples],
        placeholder: Callable[[], str],
        title: Callable[[], str],
    ) -> None:
        self._buffer = buffer
        self._look = look
        self._live = live
        self._panel = panel
        self._toolbar = toolbar
        self._title = title
        self.search = SearchToolbar()
        self.input = Window(
            BufferControl(
                buffer,
                search_buffer_control=self.search.control,
                preview_search=True,
                input_processors=[
                    ConditionalProcessor(
                        AfterInput(lambda: placeholder(), style="class:placeholder"),
                        Condition(lambda: not buffer.text) & ~is_searching,
                    )
                ],
            ),
            height=lambda: Dimension(min=1, max=max(1, min(_INPUT_ROWS, self._rows // 3))),
            wrap_lines=True,
            dont_extend_height=True,
            get_line_prefix=self._prefix,
        )
        self._drawn: dict[str, tuple[int, AnyFormattedText]] = {}
        self.layout = Layout(self._container(), focused_element=self.input)

    @property
    def _rows(self) -> int:
        return get_app().output.get_size().rows

    @property
    def _columns(self) -> int:
        return get_app().output.get_size().columns

    def _container(self) -> HSplit:
        has_menu = Condition(lambda: bool(self._menu_rows()))
        return HSplit(
            [
                self._text_window("panel", self._panel_text),
                self._text_window("live", self._live_text),
                Window(height=1, dont_extend_height=True),
                Window(FormattedTextControl(self._titled_rule), height=1, dont_extend_height=True),
                self.input,
                Window(char=self._look.rule, height=1, style="class:rule", dont_extend_height=True),
                ConditionalContainer(self._text_window("menu", self._menu_text), has_menu),
                self.search,
                ConditionalContainer(
                    Window(
                        FormattedTextControl(lambda: self._toolbar(self._columns)),
                        height=1,
                        dont_extend_height=True,
                    ),
                    ~has_menu,
                ),
            ],
            align=VerticalAlign.TOP,
        )

    def _text_window(self, name: str, text: Callable[[], AnyFormattedText]) -> Window:
        """A window exactly as high as its text, which is made once a redraw."""

        def drawn() -> AnyFormattedText:
            counter = get_app().render_counter
            known = self._drawn.get(name)
            if known is None or known[0] != counter:
                known = self._drawn[name] = (counter, text())
            return known[1]

        return Window(
            FormattedTextControl(drawn, show_cursor=False),
            dont_extend_height=True,
            height=lambda: Dimension(min=0, preferred=_height_of(drawn())),
        )

    def _titled_rule(self) -> StyleAndTextTuples:
        """The line above the input, with the conversation's title at its end."""
        title = self._title()
        room = self._columns - 6
        if not title or room < 20:
            return [("class:rule", self._look.rule * self._columns)]
        if get_cwidth(title) > room:
            title = title[: room // 2] + self._look.dots
        left = max(0, self._columns - get_cwidth(title) - 4)
        rule = self._look.rule
        before, after = f"{rule * left} ", f" {rule * 2}"
        return [("class:rule", before), ("class:title", title), ("class:rule", after)]

    def _fixed_rows(self) -> int:
        """What the rows below take, and one above that stays free.

        A region as high as the terminal would begin in its first row, and some terminals keep
        a copy in their history of what is erased from there on.
        """
        columns = max(1, self._columns - 2)
        lines = self._buffer.document.lines
        rows = sum(1 + max(0, get_cwidth(line) - 1) // columns for line in lines[:_INPUT_ROWS])
        return min(rows, _INPUT_ROWS, max(1, self._rows // 3)) + 5 + max(1, self._menu_rows())

    def _panel_text(self) -> AnyFormattedText:
        """The panel; while one is open it has the place of the live text."""
        room = max(0, self._rows - self._fixed_rows())
        text = self._panel(self._columns, room)
        if text is None:
            return ""
        lines = text.rstrip("\n").split("\n")
        return ANSI("\n".join(lines[-room:])) if room else ""

    def _live_text(self) -> AnyFormattedText:
        room = self._rows - self._fixed_rows()
        if room < 1 or self._panel(self._columns, room) is not None:
            return ""
        lines = self._live(self._columns, room).split("\n")
        return ANSI("\n".join(lines[-room:]))

    def _prefix(self, line: int, wrapped: int) -> AnyFormattedText:
        if line or wrapped:
            return "  "
        return [("class:prompt", f"{self._look.prompt} ")]

    def _menu_rows(self) -> int:
        state = self._buffer.complete_state
        return min(MENU_ROWS, len(state.completions)) if state else 0

    def _menu_text(self) -> StyleAndTextTuples:
        state = self._buffer.complete_state
        if state is None or not state.completions:
            return []
        chosen = state.complete_index
        start = max(0, min((chosen or 0) - MENU_ROWS // 2, len(state.completions) - MENU_ROWS))
        shown = state.completions[start : start + MENU_ROWS]
        names = [completion.display_text for completion in shown]
        column = min(max(map(get_cwidth, names), default=0), max(8, self._columns - 12)) + 2
        text: StyleAndTextTuples = []
        for number, completion in enumerate(shown, start=start):
            name = completion.display_text[: self._columns - 3]
            style = "class:menu.current" if number == chosen else "class:menu"
            meta = completion.display_meta_text[: max(0, self._columns - column - 3)]
            pad = " " * max(1, column - get_cwidth(name))
            text += [(style, f"  {name}{pad if meta else ''}"), ("class:menu.meta", meta)]
            if number < start + len(shown) - 1:
                text.append(("", "\n"))
        return text


def _height_of(text: AnyFormattedText) -> int:
    plain = text.value if isinstance(text, ANSI) else fragment_list_to_text(to_formatted_text(text))
    return plain.count("\n") + 1 if plain else 0
