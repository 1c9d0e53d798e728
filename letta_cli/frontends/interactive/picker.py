"""A list to choose from: arrows, or type to filter."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.text import Text

from letta_cli.frontends.interactive.look import Look
from letta_cli.frontends.interactive.paint import Hanging
from letta_cli.frontends.sanitize import sanitize_line


@dataclass(frozen=True, slots=True)
class Item:
    """Attributes:
    value: handed back when this one is chosen.
    detail: shown in grey behind the label, and filtered on as well.
    """

    value: str
    label: str
    detail: str = ""


class Picker:
    """`chosen` is called once: with the value, or with None when nothing was chosen."""

    def __init__(
        self,
        title: str,
        items: Sequence[Item],
        look: Look,
        chosen: Callable[[str | None], None],
    ) -> None:
        self._title = title
        self._items = list(items)
        self._look = look
        self._chosen = chosen
        self._filter = ""
        self._selected = 0
        self._page = 10

    def _shown(self) -> list[Item]:
        words = self._filter.lower().split()
        return [
            item
            for item in self._items
            if all(word in f"{item.label} {item.detail} {item.value}".lower() for word in words)
        ]

    def render(self, width: int, height: int) -> RenderableType:
        shown = self._shown()
        self._page = max(3, height - 5)
        self._selected = min(self._selected, max(0, len(shown) - 1))
        start = max(0, min(self._selected - self._page // 2, len(shown) - self._page))
        parts: list[RenderableType] = [
            "",
            Rule(self._title, style="accent", align="left", characters=self._look.rule),
        ]
        for number, item in enumerate(shown[start : start + self._page], start=start):
            parts.append(self._line(number, item, width))
        if not shown:
            parts.append(Text("  nothing matches", style="quiet"))
        if len(shown) > self._page:
            parts.append(Text(f"  {self._selected + 1} of {len(shown)}", style="quiet"))
        parts.append(self._hint())
        return Group(*parts)

    def _line(self, number: int, item: Item, width: int) -> RenderableType:
        chosen = number == self._selected
        sign = f"{self._look.cursor} " if chosen else "  "
        line = Text(sanitize_line(item.label), style="accent" if chosen else "")
        if item.detail:
            line.append(f"  {sanitize_line(item.detail)}", style="quiet")
        line.truncate(max(8, width - 4), overflow="ellipsis")
        return Hanging(line, sign, "accent")

    def _hint(self) -> Text:
        if self._filter:
            return Text.assemble(
                ("  filter: ", "quiet"), self._filter, ("  enter to choose, esc clears it", "quiet")
            )
        return Text("  enter to choose, type to filter, esc to leave", style="quiet")

    def press(self, key: str, text: str = "") -> None:
        shown = self._shown()
        match key:
            case "up":
                self._selected = max(0, self._selected - 1)
            case "down" | "tab":
                self._selected = min(max(0, len(shown) - 1), self._selected + 1)
            case "pageup":
                self._selected = max(0, self._selected - self._page)
            case "pagedown":
                self._selected = min(max(0, len(shown) - 1), self._selected + self._page)
            case "enter" if shown:
                self._chosen(shown[self._selected].value)
            case "escape" if self._filter:
                self._filter = ""
            case "escape" | "c-c" | "c-d":
                self._chosen(None)
            case "backspace":
                self._filter = self._filter[:-1]
            case "text" | "paste":
                self._filter += text.replace("\n", " ")
                self._selected = 0
            case _:
                pass
