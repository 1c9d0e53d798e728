"""What every decision is made from: the rules, the mode, the place; and what rules say of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from letta_cli.core.permission import Decision, PermissionMode, Rule, Rules
from letta_cli.permissions.paths import fits, inside, literal
from letta_cli.permissions.place import Place
from letta_cli.permissions.rules import READERS, parse_rule

RuleLists = Rules | Mapping[str, Sequence[str]]
"""`Rules`, or texts by list: ``{"allow": ["Bash(git log:*)"], "deny": [...]}``."""


@dataclass(frozen=True, slots=True)
class Case:
    """One question.

    Attributes:
        neighbours: names of the other live sessions that work in the same tree.
        confined: commands run in a sandbox that holds, and need no rule there.
        secrets: names of values that a command gets which mentions them, unseen by the model.
    """

    rules: Rules
    mode: PermissionMode
    place: Place
    neighbours: tuple[str, ...] = ()
    confined: bool = False
    secrets: frozenset[str] = frozenset()

    def by_rules(self, concerns: Callable[[Rule], bool]) -> Decision | None:
        """What a deny or ask rule says."""
        for rule in self.rules.deny:
            if concerns(rule):
                return Decision("deny", f"Refused by the rule {shown(rule)}.", rule)
        for rule in self.rules.ask:
            if concerns(rule):
                return Decision("ask", f"The rule {shown(rule)} asks first.", rule)
        return None

    def allowed(self, covers: Callable[[Rule], bool]) -> Decision | None:
        """What an allow rule says."""
        for rule in self.rules.allow:
            if covers(rule):
                return Decision("allow", f"Allowed by the rule {shown(rule)}.", rule)
        return None

    def fits(self, rule: Rule, path: Path, *, loose: bool = False) -> bool:
        """Whether a rule about paths covers `path`; `loose` in order to refuse."""
        place = self.place
        return rule.specifier is not None and fits(
            path, rule.specifier, place.cwd, place.home, loose=loose
        )

    def label(self, path: Path) -> str:
        cwd = self.place.cwd
        return str(path.relative_to(cwd)) if inside(path, (cwd,)) else str(path)

    def path_rule(self, tool: str, path: Path) -> str | None:
        """The rule for exactly this file; None when its name has characters of patterns."""
        if set("*?[()") & set(str(path)):
            return None
        cwd = self.place.cwd
        where = f"./{path.relative_to(cwd)}" if inside(path, (cwd,)) else f"/{path}"
        return f"{tool}({where})"


def make_case(
    rules: RuleLists,
    mode: PermissionMode,
    cwd: Path | str,
    roots: Sequence[Path | str],
    home: Path | str | None,
    readable: Sequence[Path | str] = (),
    neighbours: tuple[str, ...] = (),
) -> Case:
    """A case with canonical paths; `cwd` is always one of the roots."""
    if not isinstance(rules, Rules):
        lists = {
            name: tuple(parse_rule(text, "") for text in texts) for name, texts in rules.items()
        }
        rules = Rules(**lists)
    cwd = Path(cwd).resolve()
    own = Path(home).resolve() if home is not None else Path("~").expanduser().resolve()
    real = tuple(dict.fromkeys((cwd, *(Path(root).resolve() for root in roots))))
    denied = [
        path
        for rule in rules.deny
        if rule.tool in READERS and rule.specifier
        if (path := literal(rule.specifier, cwd, own)) is not None
    ]
    place = Place(
        cwd=cwd,
        roots=real,
        home=own,
        readable=tuple(Path(folder).resolve() for folder in readable),
        denied=tuple(denied),
        folders=(cwd,),
    )
    return Case(rules, mode, place, neighbours)


def shown(rule: Rule) -> str:
    """A rule as it is written, and where."""
    return f"{rule.text} of {rule.source}" if rule.source else rule.text
