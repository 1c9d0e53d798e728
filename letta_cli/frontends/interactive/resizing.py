"""A live region that is erased whole when the terminal's width changes.

prompt_toolkit moves the cursor up by the rows that it drew. Most terminals fold printed lines anew
when they become narrower, so that the region then takes more rows than it was drawn with.
"""

from prompt_toolkit.application import Application
from prompt_toolkit.data_structures import Point
from prompt_toolkit.layout.screen import Screen


class ResizingApplication(Application[None]):
    """Attributes:
    reflows: whether the terminal folds lines anew.
    """

    reflows = True

    def _on_resize(self) -> None:
        drawn = self.renderer.last_rendered_screen
        if self.reflows and drawn is not None:
            cursor = drawn.get_cursor_position(self.layout.current_window)
            rows = added_rows(drawn, cursor, self.output.get_size().columns)
            if rows:
                self.output.cursor_up(rows)
        super()._on_resize()


def added_rows(drawn: Screen, cursor: Point, columns: int) -> int:
    """How many more rows the part of `drawn` above the cursor takes in `columns` columns."""
    above = sum(max(0, _width(drawn, row) - 1) // columns for row in range(cursor.y))
    return above + cursor.x // columns


def _width(drawn: Screen, row: int) -> int:
    """Columns up to the last character of a row that is no blank."""
    cells = drawn.data_buffer[row]
    return max((x + cell.width for x, cell in cells.items() if not cell.char.isspace()), default=0)
