"""The schema's history: numbered SQL files for each driver, applied forward only.

``0001_initial.sqlite.sql`` is step 1 of the driver ``sqlite``. A step that has been released never
changes; a new one is added.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from letta_cli.core.errors import StoreError

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Step:
    """One change of the schema. ``version`` counts from 1 without holes."""

    version: int
    name: str
    path: Path

    def sql(self) -> str:
        return self.path.read_text(encoding="utf-8")


def steps(driver: str, folder: Path = FOLDER) -> tuple[Step, ...]:
    """The driver's steps in order.

    Raises:
        ValueError: the numbers have a hole or are used twice.
    """
    suffix = f".{driver}.sql"
    found: list[Step] = []
    for path in sorted(folder.iterdir()):
        if path.name.endswith(suffix):
            number, _, name = path.name.removesuffix(suffix).partition("_")
            found.append(Step(int(number), name, path))
    if [step.version for step in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"The migrations of {driver} in {folder} are not numbered 1, 2, 3, …")
    return tuple(found)


def check_history(
    recorded: Sequence[tuple[int, str]], all_steps: Sequence[Step], where: str
) -> None:
    """Make sure that what was applied are the first of these steps, before more are.

    Args:
        recorded: version and name of each step that the database at `where` went through.

    Raises:
        StoreError: a step of its history is another one here.
    """
    names = {step.version: step.name for step in all_steps}
    for version, name in recorded:
        if names.get(version) != name:
            raise StoreError(
                f"The database {where} went through the schema step {version} {name!r}, which is "
                f"{names.get(version)!r} here: a version between two releases made it. It was left "
                "untouched. Open it with that version, or choose another folder with AGENT_HOME."
            )


def missing(all_steps: Sequence[Step], version: int) -> Sequence[Step]:
    """The steps that lead from `version` to the newest one."""
    return [step for step in all_steps if step.version > version]
