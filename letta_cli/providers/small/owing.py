"""What the work still lacks: why a small model may not end its turn yet. Pure.

The program, not the model, knows whether it is done: whether a fact was stored, a change made,
a name is gone, a file is whole, and whether what failed was run again.
"""

from collections.abc import Sequence

from letta_cli.providers.small.situation import Situation, Step
from letta_cli.providers.small.syntax import broken_syntax, undefined, words_of

PATIENCE = 8
"""Steps without a change after which a model may give up on what it was held to."""

MOST_STEPS = 24
"""Steps of one task after which a model must come to an end, whatever is left."""


def what_is_owed(situation: Situation) -> str:
    """Why the model must not end its turn yet; empty when it may."""
    wish = situation.wish
    if wish.destructive or situation.refused or is_worn_out(situation):
        return ""
    if len(situation.since_change()) >= PATIENCE:
        return ""
    checks = (_owes_memory, _owes_change, _owes_names, _owes_syntax, _owes_rename, _owes_check)
    return next((owed for check in checks if (owed := check(situation))), "")


def is_worn_out(situation: Situation) -> bool:
    """Whether so much was tried that the person should hear of it."""
    return len(situation.steps) >= MOST_STEPS


def _owes_memory(situation: Situation) -> str:
    if not situation.wish.memory or any(_stored(step) for step in situation.steps):
        return ""
    return "The fact was not stored with memory_insert yet."


def _owes_change(situation: Situation) -> str:
    wish = situation.wish
    if not wish.change or situation.changes:
        return ""
    if any(step.ok for step in commands_of(situation.steps)):
        # What was said to fail does not, or the command made the change: nobody can tell.
        return ""
    return "The change that was asked for was not made yet."


def _owes_names(situation: Situation) -> str:
    missing = missing_names(situation)
    return f"{missing[0]} stands in no file yet." if missing and situation.changes else ""


def missing_names(situation: Situation) -> tuple[str, ...]:
    """The name in code of what is to be added, while no file in view has it."""
    wish = situation.wish
    if not wish.add or not wish.names or not any(n.endswith(_CODE) for n in situation.named_files):
        return ()
    there = {word for text in situation.files.values() for word in words_of(text)}
    return () if wish.names[0] in there else wish.names[:1]


_CODE = (".py", ".js", ".ts", ".tsx", ".go", ".rs", ".java", ".rb", ".c", ".h", ".cpp", ".php")


def _owes_syntax(situation: Situation) -> str:
    changed = {step.path for step in situation.changes}
    for path, text in situation.files.items():
        if path not in changed:
            continue
        if problem := broken_syntax(path, text):
            return f"{path} is broken now: {problem}."
        if names := undefined(path, text):
            return f"{', '.join(sorted(names))} is used in {path} and defined nowhere."
    return ""


def _owes_rename(situation: Situation) -> str:
    rest = rename_rest(situation)
    return f"The old name still stands in {', '.join(rest)}." if rest else ""


def _owes_check(situation: Situation) -> str:
    if not situation.wish.check or not situation.changes:
        return ""
    commands = commands_of(situation.since_change())
    if not commands:
        return "It was not run after the last change."
    failed = [step for step in commands if not step.ok]
    if commands[-1] in failed and len(failed) < 3:
        return "The last command failed and nothing was changed since."
    return ""


def rename_rest(situation: Situation) -> tuple[str, ...]:
    """Files, of those known, that still have the name that was to be changed."""
    if situation.wish.rename is None:
        return ()
    old = situation.wish.rename[0]
    return tuple(path for path, text in situation.files.items() if old in words_of(text))


def commands_of(steps: Sequence[Step]) -> list[Step]:
    """The commands that were run, in order."""
    return [step for step in steps if step.call.name == "Bash" and step.result is not None]


def _stored(step: Step) -> bool:
    return step.call.name == "memory_insert" and step.ok
