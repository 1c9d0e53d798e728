"""Options through which a program does more than its name says: the words for the tables."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Options:
    """Options through which a program does more than its name says.

    Attributes:
        runs: short options that run a program or text.
        run_words: long options that do, without their dashes.
        writes: short options that name a file to write.
        write_words: long options that do.
        most: the most operands; a further one is written to.
        free: no argument does harm, whatever expands in it.
        single: ``-name`` is a long option too.
        takes: short options that take a value; letters after one of these are no options.
    """

    runs: str = ""
    run_words: tuple[str, ...] = ()
    writes: str = ""
    write_words: tuple[str, ...] = ()
    most: int | None = None
    free: bool = False
    single: bool = False
    takes: str = ""

    @property
    def none(self) -> bool:
        """Whether there is no such option."""
        return not (self.runs or self.run_words or self.writes or self.write_words or self.most)


@dataclass(frozen=True, slots=True)
class Escape:
    """An option that does more than the program's name says.

    Attributes:
        option: as it is written.
        target: the file that is written, where it is named.
    """

    kind: Literal["run", "write"]
    option: str
    target: str | None = None
