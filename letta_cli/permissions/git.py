"""git: which of its commands only look, and which options run programs or write elsewhere."""

import re
from collections.abc import Iterator, Mapping, Sequence

from letta_cli.permissions.options import Escape

_LOOK = frozenset(
    {
        "status", "log", "diff", "show", "blame", "annotate", "shortlog", "describe",
        "rev-parse", "rev-list", "ls-files", "ls-tree", "merge-base", "name-rev",
        "for-each-ref", "count-objects", "check-ignore", "diff-tree", "diff-index",
        "diff-files", "whatchanged", "cat-file", "grep", "show-ref", "show-branch",
        "cherry", "version", "range-diff", "var"
    }
)  # fmt: skip
_DANGEROUS = ("output", "ext-diff", "textconv", "filters", "open-files-in-pager", "exec",
              "upload-pack", "receive-pack", "no-index", "paginate")  # fmt: skip
_LISTING = re.compile(
    r"-(a|r|v|vv|l|av|avv|ra)\Z|--(list|all|remotes|verbose|show-current|merged|no-merged|contains|"
    r"no-contains|points-at|sort=.*|format=.*|column|no-column|color.*|no-color|porcelain)\Z"
)
_SUB: Mapping[str, frozenset[str]] = {
    "stash": frozenset({"list", "show"}),
    "worktree": frozenset({"list"}),
    "reflog": frozenset({"", "show"}),
    "config": frozenset({"--get", "--get-all", "--get-regexp", "--list", "-l", "list", "get"}),
    "submodule": frozenset({"", "status"}),
    "notes": frozenset({"list", "show"}),
    "bisect": frozenset({"log"}),
    "lfs": frozenset({"ls-files", "status"}),
}
_GLOBAL_QUIET = frozenset({"--no-pager", "-P", "--no-optional-locks", "--no-replace-objects",
                           "--literal-pathspecs"})  # fmt: skip
TAKES_VALUE = frozenset({"-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path",
                         "--config-env", "--super-prefix", "--attr-source"})  # fmt: skip
_HARMLESS_CONFIG = re.compile(
    r"(color\.[\w.]+|core\.quote[pP]ath|advice\.\w+|core\.pager)=(cat|true|false|never|auto|always|on|off)\Z",
)
_RUNNING = ("exec", "upload-pack", "receive-pack", "ext-diff", "open-files-in-pager", "template",
            "config", "smtp-server", "sendmail-cmd", "to-cmd", "cc-cmd", "extcmd",
            "index-filter", "tree-filter", "msg-filter", "env-filter", "parent-filter",
            "commit-filter", "tag-name-filter", "setup")  # fmt: skip
_OPENS_PAGER = re.compile(r"-[A-Za-z]*O")
"""``git grep -nOless``: short options stand together."""
_WRITING = ("output", "output-directory", "separate-git-dir")


def verb(values: Sequence[str]) -> tuple[list[str], str, list[str]]:
    """git's own options, the sub-command, and what follows it."""
    at = 0
    while at < len(values) and values[at].startswith("-"):
        at += 2 if values[at] in TAKES_VALUE else 1
    return list(values[:at]), values[at] if at < len(values) else "", list(values[at + 1 :])


def git_looks(values: Sequence[str] | None) -> bool:
    """Whether ``git`` with these arguments only looks; None: they are not certain."""
    if values is None:
        return False
    own, command, rest = verb(values)
    for at, option in enumerate(own):
        if option in _GLOBAL_QUIET or (at and own[at - 1] == "-c"):
            continue
        if option == "-c" and at + 1 < len(own) and _HARMLESS_CONFIG.match(own[at + 1]):
            continue
        return False
    if not command:
        return False
    if any(dangerous(value, _DANGEROUS) for value in rest):
        return False
    if command in _LOOK:
        return command != "grep" or not any(map(_OPENS_PAGER.match, rest))
    if command in ("branch", "tag"):
        listing = "--list" in rest or "-l" in rest
        return all(
            _LISTING.match(value) or (listing and not value.startswith("-")) for value in rest
        )
    if command == "remote":
        return rest in ([], ["-v"], ["--verbose"]) or rest[0] == "get-url"
    return (rest[0] if rest else "") in _SUB.get(command, frozenset())


def dangerous(value: str, words: Sequence[str]) -> bool:
    """Whether an argument is one of these long options, perhaps abbreviated."""
    if not value.startswith("--") or len(value) < 3:
        return False
    given = value[2:].partition("=")[0]
    return any(word.startswith(given) for word in words)


def git_escapes(values: Sequence[str]) -> Iterator[Escape]:
    """What a git command runs or writes beside its own work."""
    own, command, rest = verb(values)
    for at, option in enumerate(own):
        if option == "-c" and at + 1 < len(own) and not _HARMLESS_CONFIG.match(own[at + 1]):
            yield Escape("run", f"-c {own[at + 1]}")
        elif option.startswith(("--exec-path", "--config-env", "--git-dir", "--work-tree")):
            yield Escape("run", option)
    if {"-p", "--paginate"}.intersection(own):
        yield Escape("run", "--paginate")
    if command == "help" and {"-w", "--web", "-i", "--info"}.intersection(rest):
        yield Escape("run", "help")
    if command in ("filter-branch", "difftool", "mergetool", "instaweb", "daemon", "hook",
                   "send-email", "web--browse", "gui", "citool", "credential"):  # fmt: skip
        yield Escape("run", command)
    if command == "config" and rest and rest[0] not in _SUB["config"]:
        yield Escape("run", "config")
    if (command, rest[:1]) in (("bisect", ["run"]), ("submodule", ["foreach"])):
        yield Escape("run", f"{command} {rest[0]}")
    target = next((value for value in rest if not value.startswith("-")), "")
    if command in ("push", "fetch", "pull") and re.search(r"[:\\]|\A[./~]", target):
        yield Escape("run", target)  # Not a remote that the person has set up.
    for at, value in enumerate(rest):
        if dangerous(value, _RUNNING) and not (command == "commit" and value == "--template"):
            yield Escape("run", value)
        elif dangerous(value, _WRITING) or (
            command in ("checkout-index", "apply") and dangerous(value, ("prefix", "directory"))
        ):
            following = rest[at + 1] if at + 1 < len(rest) else None
            yield Escape("write", value, value.partition("=")[2] or following)
        elif re.match(r"(ext|fd)::", value):
            yield Escape("run", value)
        elif command in ("archive", "format-patch") and value.startswith("-o"):
            yield Escape(
                "write", value, value[2:] or (rest[at + 1] if at + 1 < len(rest) else None)
            )
        elif (
            (command == "rebase" and value.startswith("-x"))
            or (command in ("clone", "fetch", "ls-remote", "pull") and value.startswith("-u"))
            or (command == "clone" and value.startswith("-c"))
            or (command == "grep" and _OPENS_PAGER.match(value))
        ):
            yield Escape("run", value)
