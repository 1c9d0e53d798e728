"""How long a decision takes, and what a naive matcher would let through.

    python scripts/bench/permissions.py

Decides every case of tests/permissions/shell_cases.txt several times. The naive matcher beside it
is what is easily written first: split at separators, compare prefixes, deny before allow.
"""

import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "permissions")]

from test_permissions_cases import Case, cases  # noqa: E402

from letta_cli.permissions import decide_shell  # noqa: E402

ROUNDS = 5
READ_ONLY = ("ls", "cat", "head", "tail", "grep", "rg", "find", "wc", "pwd", "echo", "sort", "uniq",
             "sed", "awk", "git status", "git log", "git diff", "git show", "cd")  # fmt: skip


def naive(case: Case) -> str:
    """allow, ask or deny by prefixes of the parts of a line."""

    def prefixes(kind: str) -> list[str]:
        rules = [text for text in case.rules.get(kind, []) if text.startswith("Bash")]
        return [re.sub(r"^Bash\(?|:?\s?\*?\)?$", "", text) for text in rules]

    def begins(part: str, starts: list[str] | tuple[str, ...]) -> bool:
        return any(part == start or part.startswith(start) for start in starts)

    parts = [part.strip() for part in re.split(r"&&|\|\||;|\|", case.what) if part.strip()]
    if any(begins(part, prefixes("deny")) for part in parts):
        return "deny"
    if any(begins(part, prefixes("ask")) for part in parts):
        return "ask"
    if case.mode == "bypassPermissions":
        return "allow"
    known = (*READ_ONLY, *prefixes("allow"))
    return "allow" if all(begins(part, known) for part in parts) else "ask"


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main() -> None:
    every = list(cases("shell_cases.txt"))
    must = [case for case in every if case.verdict != "allow"]
    times: list[float] = []
    through = missed = naive_through = naive_missed = 0
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder).resolve()
        repo = home / "repo"
        (repo / "src").mkdir(parents=True)
        (repo / "vendor/lib/.git").mkdir(parents=True)
        (home / "other").mkdir()
        (home / "other/notes.md").write_text("x")
        (repo / "src/deep/er").mkdir(parents=True)
        (repo / "docs").symlink_to(repo / "src/deep/er")
        (repo / ".mvn").mkdir()
        (home / ".ssh").mkdir()
        (home / ".ssh/id_ed25519").write_text("x")
        (repo / "way-out").symlink_to(home / "other")
        (repo / "innocent").symlink_to(home / ".ssh/id_ed25519")
        decide_shell("ls", {}, repo, home=home)  # brings the grammar
        for round_ in range(ROUNDS):
            for case in every:
                begun = time.perf_counter()
                decision = decide_shell(case.what, case.rules, repo, mode=case.mode, home=home)
                times.append((time.perf_counter() - begun) * 1_000)
                if round_ == 0 and case in must:
                    through += decision.verdict == "allow"
                    missed += case.verdict == "deny" and decision.verdict != "deny"
    for case in must:
        verdict = naive(case)
        naive_through += verdict == "allow"
        naive_missed += case.verdict == "deny" and verdict != "deny"
    denials = sum(case.verdict == "deny" for case in must)
    print(f"{len(every)} commands, {len(must)} of them must not pass, {denials} must be denied")
    print(f"{'':24}{'let through':>12}{'denials missed':>16}{'median ms':>11}{'p99':>7}{'max':>7}")
    row = f"{statistics.median(times):11.2f}{percentile(times, 0.99):7.2f}{max(times):7.1f}"
    print(f"{'decide_shell':24}{through:12}{missed:16}{row}")
    print(f"{'prefixes of the parts':24}{naive_through:12}{naive_missed:16}")


if __name__ == "__main__":
    main()
