"""What programs do with their arguments: which only look, and which options run a program or
write a file.

A program that is not in `LOOKERS` is asked about. `escapes` also knows options of programs that
are allowed by a rule: a wildcard of a rule does not cover them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from letta_cli.permissions.git import git_escapes, git_looks
from letta_cli.permissions.options import Escape, Options
from letta_cli.permissions.texts import AWK_RUNS, scripts_in, sed_prints
from letta_cli.permissions.words import Word

SAFE_ASSIGNMENTS = frozenset(
    {
        "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_COLLATE", "TZ", "NO_COLOR",
        "FORCE_COLOR", "CLICOLOR", "COLUMNS", "TERM", "CI", "PYTHONDONTWRITEBYTECODE",
        "PYTHONUNBUFFERED", "DEBUG", "VERBOSE", "NODE_ENV", "RUST_BACKTRACE", "RUST_LOG",
        "RAILS_ENV", "DJANGO_DEBUG", "LOG_LEVEL"
    }
)  # fmt: skip
"""Variables that may stand before a command that is allowed."""

_LOCAL_NAME = re.compile(r"(?!.*_proxy\Z)[a-z][a-z0-9_]*\Z")
"""By custom lower-case names are variables of the shell alone; no program reads these."""


_PLAIN = Options()
_FREE = Options(free=True)

LOOKERS: Mapping[str, Options] = {
    **dict.fromkeys(
        [
        "cat", "head", "tail", "wc", "stat", "du", "df", "ls", "basename", "dirname",
        "realpath", "readlink", "which", "type", "whoami", "id", "uname", "uptime", "nproc",
        "free", "cmp", "comm", "cut", "tr", "grep", "egrep", "fgrep", "nl", "tac",
        "rev", "fold", "column", "paste", "join", "expand", "cksum", "md5sum", "sha1sum",
        "sha256sum", "sha512sum", "b2sum", "od", "hexdump", "groups",
        "tty", "locale", "getconf", "arch", "lscpu", "lsblk", "tsort", "numfmt", "cd",
        "pushd", "popd", "dirs", "dir", "vdir", "diff", "jq", "ps", "pgrep", "unexpand",
        "fmt", "zcat", "pstree", "tput", "getopt", "sum", "b3sum"
    ],
        _PLAIN,
    ),
    **dict.fromkeys(
        ["echo", "true", "false", ":", "pwd", "sleep", "seq", "exit", "return", "break",
         "continue", "shift"], _FREE),
    "printf": _FREE,
    # test -v evaluates a subscript, and what is written in it.
    "test": Options("vR"),
    "file": Options("f", ("files-from",), "C", ("compile",), takes="mFPe"),
    # A plug-in is a library that is run.
    **dict.fromkeys(["nm", "size", "strings"], Options("", ("plugin",))),
    "date": Options("", (), "s", ("set",), takes="dfr"),
    "tree": Options(writes="oR", takes="LPI"),
    # What a list in a file names is read, too, and does not stand in the command.
    "sort": Options("", ("compress-program", "files0-from"), "oT",
                    ("output", "temporary-directory"), takes="ktS"),
    "uniq": Options(most=1, takes="fsw"),
    "xxd": Options(writes="r", write_words=("revert",), most=1, takes="cgloRs", single=True),
    "rg": Options("z", ("pre", "search-zip", "hostname-bin"), takes="efgtTmABCjMrdE"),
    "find": Options(run_words=("exec", "execdir", "ok", "okdir", "delete"),
                    write_words=("fprint", "fprint0", "fprintf", "fls", "files0-from")),
    "fd": Options("xX", ("exec", "exec-batch"), takes="deEtSIoc"),
    "fdfind": Options("xX", ("exec", "exec-batch"), takes="deEtSIoc"),
    "sed": Options("s", ("separate",), "if", ("in-place", "file"), takes="el"),
    "base64": Options("", (), "o", ("output",), takes="wbi"),
    "lsof": Options(writes="D", takes="acdFgikpqrsSTux"),
}  # fmt: skip

ESCAPES: Mapping[str, Options] = {
    "sed": Options("f", ("file",), "i", ("in-place",), takes="el"),
    "tar": Options("IF", ("use-compress-program", "to-command", "checkpoint-action",
                          "info-script", "new-volume-script", "rsh-command", "rmt-command"),
                   "P", ("absolute-names",), takes="fCTXbgHLNVK"),
    "rsync": Options("eM", ("rsh", "rsync-path", "remote-option", "delete", "delete-before",
                             "delete-during", "delete-delay", "delete-after", "delete-excluded",
                             "remove-source-files"), "", ("log-file",
                     "write-batch", "backup-dir", "temp-dir"), takes="fTB"),
    "ssh": Options("oF", (), "E", takes="BbcDIiJLlmpQRSWw"),
    "scp": Options("oFS", (), takes="cilP"),
    "sftp": Options("oFSb", (), takes="ci"),
    "curl": Options("KQTxL", ("config", "engine", "quote", "url", "resolve", "connect-to", "proxy",
        "preproxy", "socks4", "socks4a", "socks5", "socks5-hostname", "netrc-file", "upload-file",
        "variable", "expand-url", "expand-data", "doh-url",
        "unix-socket", "abstract-unix-socket", "location"), "oODc", (
        "output", "remote-name", "remote-name-all", "output-dir", "dump-header", "cookie-jar",
        "trace", "trace-ascii", "stderr", "libcurl", "etag-save", "hsts", "alt-svc"),
                    takes="AbdeFHmuUwXyYzEr"),
    "wget": Options("e", ("execute", "use-askpass", "config"), "OoaP", (
        "output-document", "output-file", "append-output", "directory-prefix", "save-cookies",
        "hsts-file", "warc-file", "post-file"), takes="tTUiBQlARDXIw"),
    "aria2c": Options("", ("on-download-complete", "on-download-start", "conf-path"), "dol",
                      ("dir", "out", "log", "save-session")),
    "zip": Options("Tm", ("TT", "unzip-command", "move"), "O", ("out",), takes="bntx"),
    "unzip": Options("", (), "d"),
    "sh": Options("cl", ("rcfile", "init-file", "command", "init-command"), takes="oO"),
    "make": Options("f", ("file", "makefile", "eval"), takes="CIjlmoW"),
    "cmake": Options("PE", ("script",), takes="DGSBCU"),
    "ninja": Options("t", (), takes="Cfjlk"),
    "npm": Options("C", ("script-shell", "node-options", "userconfig", "globalconfig",
                         "call", "git", "editor", "prefix", "dir", "cwd")),
    "pip": Options("if", ("index-url", "extra-index-url", "find-links", "trusted-host", "proxy",
                          "python", "cert"), "t",
                   ("target", "prefix", "root", "log", "report"), takes="rce"),
    "go": Options("", ("toolexec", "exec", "vettool", "overlay", "modfile"), "o",
                  ("coverprofile", "cpuprofile", "memprofile", "blockprofile", "mutexprofile",
                   "trace", "outputdir"), single=True),
    "cargo": Options("", ("config",), "", ("target-dir", "out-dir", "artifact-dir")),
    "docker": Options("vHc", ("volume", "mount", "privileged", "host", "config", "pid", "cap-add",
                              "device", "security-opt", "entrypoint"), "", ("cidfile",)),
    "kubectl": Options("s", ("kubeconfig", "exec", "overrides", "server", "token"), takes="nfol"),
    "less": Options("k", ("lesskey", "lesskey-content", "lesskey-file", "lesskey-src"), "oO",
                    ("log-file",),
        takes="pPtbxyz"),
    "man": Options("PHXCM", ("pager", "html", "gxditview", "config-file")),
    "vim": Options("cSsu", ("cmd", "startuptime"), "wW"),
    "emacs": Options("fl", ("eval", "execute", "funcall", "load", "batch"), single=True),
    "openssl": Options("", ("engine", "config", "provider-path"), "", ("out", "keyout",
        "writerand"),
                       single=True),
    "gcc": Options("B", ("specs", "fplugin", "wrapper", "fpass-plugin", "Xclang", "load"), "o",
                   takes="IDLUlxfWmO", single=True),
    "gdb": Options("x", ("ex", "eval-command", "command", "iex"), single=True),
    "node": Options("eprc", ("eval", "print", "require", "import", "loader",
        "experimental-loader")),
    "python": Options("c"),
    "perl": Options("eExMmIdi", ()),
    "ruby": Options("erIx", ()),
    "php": Options("rBREadzf", ("run", "process-begin", "process-code")),
    "lua": Options("el"),
    "Rscript": Options("e"),
    "julia": Options("eEL", ("eval", "print", "load")),
    "deno": Options("", ("eval", "allow-all", "allow-run"), "", ("output",)),
    "bun": Options("ep", ("eval", "print", "preload")),
    "awk": Options("fieEl", ("file", "include", "load", "source", "exec", "debug"), "odp",
                   ("dump-variables", "pretty-print", "profile"), takes="Fv"),
    "pytest": Options("pco", ("override-ini", "config-file", "pdbcls", "pastebin"), "", ("basetemp",
                      "junit-xml", "junitxml", "log-file", "debug"), takes="kmnrW"),
    "eslint": Options("c", ("rulesdir", "resolve-plugins-relative-to", "parser", "plugin",
                            "config"), "o", ("output-file", "fix", "cache-location", "cache-file"),
                      takes="f"),
    "ruff": Options("", (), "o", ("output-file", "fix", "fix-only", "add-noqa")),
    "mypy": Options("", ("python-executable", "config-file", "install-types",
                         "custom-typeshed-dir"), "", (
        "junit-xml", "any-exprs-report", "cobertura-xml-report", "html-report",
        "linecount-report", "linecoverage-report", "lineprecision-report", "txt-report",
        "xml-report", "xslt-html-report", "xslt-txt-report"), takes="pmc"),
    "bat": Options("", ("pager",), "", ("config-file", "generate-config-file"), takes="lHr"),
    "tox": Options("x", ("override",), "", ("workdir", "result-json"), takes="ecf"),
    "rake": Options("efprRE", ("execute", "require", "rakefile", "rakelib", "libdir")),
    "just": Options("fc", ("shell", "shell-arg", "command", "justfile", "chooser", "set")),
    "mvn": Options("fs", ("file", "settings", "global-settings", "toolchains"), "l", ("log-file",),
                   takes="DPpTtb"),
    "gradle": Options("Ipbcg", ("init-script", "project-dir", "build-file", "settings-file",
                                "include-build", "gradle-user-home"), takes="DPx"),
    "rspec": Options("rIO", ("require", "options", "default-path"), "o", ("out",), takes="etfP"),
    "ss": Options("K", ("kill",), "D", ("diag",), takes="AfF"),
    "journalctl": Options("", (), "", (
        "vacuum-size", "vacuum-time", "vacuum-files", "rotate", "flush", "relinquish-var",
        "smart-relinquish-var", "setup-keys", "update-catalog", "cursor-file"),
                          takes="unpoSUMtgbDr"),
    "systemctl": Options("HM", ("host", "machine", "image", "root"), takes="tpnos"),
    "tsc": Options("", (), "", ("outDir", "outFile"), single=True),
    "prettier": Options("", ("plugin", "config"), "w", ("write", "cache-location")),
    "split": Options("", ("filter",), takes="abClnt"),
    "install": Options("", ("strip-program",), takes="gmotS"),
    "sqlite3": Options("", ("cmd", "init"), single=True),
    "psql": Options("cf", ("command", "file"), "oL", ("output", "log-file"), takes="dhpUv"),
    "mysql": Options("e", ("execute", "init-command", "pager"), "", ("tee",), takes="hPuD"),
    "nc": Options("ec", ("exec", "sh-exec", "lua-exec"), "o", ("output",), takes="ipwsxX"),
    "socat": _PLAIN, "nmap": Options("", ("script", "script-args"), "o", takes="psS"),
    "tcpdump": Options("z", (), "w", takes="icCGsr"),
    "gpg": Options("", ("photo-viewer", "exec-path", "load-extension"), "o", ("output", "homedir",
                   "logger-file", "attribute-file", "status-file")),
    "terraform": Options("", ("chdir", "plugin-dir"), "", ("out", "state", "state-out"),
        single=True),
    "ansible": Options("ameM", ("module-name", "args")),
    "helm": Options("", ("post-renderer", "kubeconfig", "registry-config"), "", ("output-dir",)),
}  # fmt: skip

_SAME: Mapping[str, str] = {
    **dict.fromkeys(["bash", "dash", "zsh", "ksh", "mksh", "ash", "fish", "csh", "tcsh",
        "rbash"], "sh"),
    "python3": "python", "python2": "python", "pypy": "python", "pypy3": "python",
    "pip3": "pip", "gawk": "awk", "mawk": "awk", "nawk": "awk", "nodejs": "node", "tsx": "node",
    "ts-node": "node", "gmake": "make", "bmake": "make", "bsdtar": "tar", "gtar": "tar",
    "vi": "vim", "view": "vim", "nvim": "vim", "ex": "vim", "vimdiff": "vim", "rvim": "vim",
    "nano": "vim", "podman": "docker", "pnpm": "npm", "yarn": "npm", "npx": "npm",
    "g++": "gcc", "clang": "gcc", "clang++": "gcc", "cc": "gcc", "c++": "gcc", "ld": "gcc",
    "gsed": "sed", "gfind": "find", "ncat": "nc", "netcat": "nc", "egrep": "grep",
    "tofu": "terraform", "batcat": "bat", "py.test": "pytest", "gradlew": "gradle",
    "mvnw": "mvn", "more": "less",
    "ipython": "python", "irb": "ruby", "luajit": "lua", "lldb": "gdb", "pigz": "zip",
    "gpg2": "gpg", "kubectl.exe": "kubectl", "oc": "kubectl", "k": "kubectl",
}  # fmt: skip

_VERSIONED = frozenset(
    {
        "python", "python3", "node", "npm", "pip", "pip3", "uv", "go", "cargo", "rustc",
        "java", "ruby", "gcc", "clang", "make", "cmake", "git", "docker", "kubectl",
        "terraform", "bash", "rg", "jq", "tsc", "deno", "bun", "ruff", "gh", "mypy",
        "npx", "g++", "perl", "php", "dotnet", "mvn", "black", "eslint", "curl", "wget", "tar",
        "sed", "awk", "find", "grep", "psql", "sqlite3", "helm", "aws", "rake", "gem", "javac"
    }
)  # fmt: skip
"""Programs that tell their version and nothing else; poetry, yarn, pnpm and others first run what
the folder brings."""

REDIRECTS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(["cargo", "rustc"], ("rust-toolchain", "rust-toolchain.toml")),
    "mvn": (".mvn",),
    "dotnet": ("global.json",),
}
"""Files of a folder, or one above it, that say which program a name means, or what it loads,
whatever it is told."""

_QUERIES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "npm": (("ls",), ("list",), ("root",), ("prefix",)),
    "pip": (("list",), ("show",), ("freeze",), ("check",)),
    "pip3": (("list",), ("show",), ("freeze",), ("check",)),
    "go": (("version",), ("env",)),
    "docker": (("ps",), ("images",), ("version",), ("info",)),
    "kubectl": (("get", "pods"), ("get", "nodes"), ("get", "svc"), ("version",)),
    "gh": (("pr", "list"), ("pr", "view"), ("pr", "status"), ("pr", "diff"), ("pr", "checks"),
           ("issue", "list"), ("issue", "view"), ("run", "list"), ("run", "view")),
}  # fmt: skip
"""Sub-commands that only look."""
_QUERY_OPTIONS: Mapping[str, re.Pattern[str]] = {
    name: re.compile(pattern)
    for name, pattern in {
        "npm": r"-g|-a|-l|--(all|global|long|json|parseable|depth|omit|prod|production|link)",
        "pip": r"-v|-f|-l|--(verbose|files|local|user|format|not-required|outdated|uptodate"
        r"|editable|include-editable|exclude-editable|all|no-color|no-input|exclude|path)",
        "go": r"-(json|m|v|changed)",
        "docker": r"-[aqlsnf]{1,4}|--(all|quiet|latest|size|no-trunc|format|filter|last|digests)",
        "kubectl": r"-[Anlw]|--(all-namespaces|namespace|selector|no-headers|show-labels|client"
        r"|field-selector|sort-by|watch|short)|-o|-o(wide|name|json|yaml)",
        "gh": r"-[sLlaRcAbBevS]|--(state|limit|label|author|assignee|repo|comments|json|name-only"
        r"|base|head|branch|search|log|log-failed|job|exit-status|verbose|workflow|required|patch"
        r"|color|draft|mention|milestone|user|status|event|commit)",
    }.items()
}
"""Options with which these still only look. What is not here may name another server, to which they
then send the person's credentials."""
_FORMATS = frozenset({"wide", "name", "json", "yaml"})

RUN_CODE = frozenset(
    {
        "pytest", "py.test", "npm", "pnpm", "yarn", "make", "gmake", "cargo", "go", "mvn", "mvnw",
        "gradle", "gradlew", "rspec", "tox", "nox", "jest", "vitest", "mocha", "ninja", "just",
        "rake", "dotnet", "swift",
    }
)  # fmt: skip
"""Programs that run the code which they find in the files or folders that are named."""

_JQ_REACHES = re.compile(r"\$ENV\b|(?<![.\w])(env|import|include)\b")
"""Words with which a filter shows the environment or reads further files."""
_RUN_BEHIND = re.compile(
    r"(python[\d.]* -m|npx(?= [^-])|npx (-y|--yes|--no-install)|bunx|uvx|bundle exec|poetry run"
    r"|uv run|pipenv run|pdm run|hatch run|pnpm exec|npm exec|yarn run) "
)
"""Beginnings of a command behind which another one stands, with options of its own."""
_SET = re.compile(r"[-+][eux]+(o)?\Z|-euo\Z")
_SET_NAMES = frozenset({"pipefail", "errexit", "nounset", "xtrace"})


def options_of(name: str) -> Options | None:
    """The options of a program that do more than its name says; None when it is not known."""
    name = _SAME.get(name, name)
    return ESCAPES.get(name) or LOOKERS.get(name)


def assignment_is_safe(word: Word) -> bool:
    """Whether a ``NAME=value`` before a command cannot change what the command does."""
    name, _, _ = word.raw.partition("=")
    return name in SAFE_ASSIGNMENTS and word.value is not None


def assignment_looks(word: Word) -> bool:
    """Whether a ``NAME=value`` that stands alone changes nothing but a variable of the shell."""
    name = re.split(r"\+?=|\[", word.raw, maxsplit=1)[0]
    return assignment_is_safe(word) or bool(_LOCAL_NAME.match(name))


def looks(words: Sequence[Word]) -> bool:
    """Whether a command, given without wrappers and redirections, only looks."""
    name = words[0].value
    if name is None or words[0].glob:
        return False
    name = name.removeprefix("/usr").removeprefix("/bin/")
    arguments = words[1:]
    if len(arguments) == 1 and arguments[0].value in ("--version", "-V") and name in _VERSIONED:
        return True
    if name == "git":
        return git_looks(certain(arguments))
    if name in _QUERIES:
        return _queries(name, certain(arguments)) and not any(True for _ in escapes(words))
    if name == "command":
        return len(arguments) == 2 and arguments[0].value in ("-v", "-V")
    if name == "set":
        values = [word.value or "" for word in arguments]
        return bool(values) and all(_SET.match(v) or v in _SET_NAMES for v in values)
    if name == "read":
        return all(re.fullmatch(r"-r|[a-z][a-z0-9_]*", word.value or "") for word in arguments)
    if name == "awk" or _SAME.get(name) == "awk":
        return _awk_prints(arguments)
    options = LOOKERS.get(name)
    if options is None:
        return False
    if options.free:
        # printf -v writes a variable that a later command may use.
        return not (name == "printf" and arguments and arguments[0].raw.startswith("-"))
    values = certain(arguments, free=options.none, dashes=name != "find")
    if values is None or any(True for _ in _escapes(name, options, values)):
        return False
    operands = [value for value in values if not value.startswith("-") or value == "-"]
    match name:
        case "date":
            return all(operand.startswith("+") for operand in operands) or any(
                value in ("-d", "-r") for value in values
            )
        case "sed":
            return sed_prints(values)
        case "jq":
            return not any(_JQ_REACHES.search(value) for value in values)
        case "wc" | "du":
            return not any(value.startswith("--f") for value in values)
        case "nm" | "size" | "strings":
            # Of a word that begins so, options are read from a file.
            return not any(value.startswith("@") for value in values)
        case "ps":
            # The letter e without a dash shows environments.
            return not any("e" in operand for operand in operands)
        case _:
            return True


def certain(
    arguments: Sequence[Word], *, free: bool = False, dashes: bool = True
) -> list[str] | None:
    """The values of the arguments, or None when one could turn into a dangerous option.

    Args:
        free: there are no dangerous options.
        dashes: after ``--`` nothing is an option.
    """
    values: list[str] = []
    for word in arguments:
        if not word.values or (len(word.values) > 1 and not free):
            return None
        # A file named -delete would become an option where the name begins with a wildcard.
        if not free and word.glob and (word.value or "")[:1] in "*?[":
            return None
        free = free or (dashes and word.value == "--")
        values += word.values
    return values


def behind(words: Sequence[Word]) -> Sequence[Word]:
    """The command that ``python -m``, ``npx`` or ``uv run`` stands before; empty for none."""
    name = (words[0].value or "").rsplit("/", 1)[-1] if words else ""
    found = _RUN_BEHIND.match(" ".join([name, *(word.likely[0] for word in words[1:4])]))
    return words[len(found[0].split()) :] if found else ()


def escapes(words: Sequence[Word]) -> Iterator[Escape]:
    """Options through which a command that a rule allows would run or write something else."""
    if not words:
        return
    name = (words[0].value or "").rsplit("/", 1)[-1]
    values = [word.likely[0] for word in words[1:]]
    if name == "git":
        yield from git_escapes(values)
        return
    known = _SAME.get(name, name)
    yield from escapes(behind(words))
    yield from scripts_in(known, values)
    options = ESCAPES.get(known) or LOOKERS.get(known)
    if options is None:
        return
    if not options.none and any(not word.values for word in words[1:]):
        unknown = next(word for word in words[1:] if not word.values)
        if not unknown.literal or unknown.literal.startswith("-"):
            yield Escape("run", unknown.raw)
    yield from _escapes(known, options, values)


def _escapes(name: str, options: Options, values: Sequence[str]) -> Iterator[Escape]:
    if name == "find":
        for value in values:
            if value.lstrip("-") in options.run_words and value[:1] == "-":
                yield Escape("run", value)
            elif value.lstrip("-") in options.write_words and value[:1] == "-":
                yield Escape("write", value)
        return
    operands = 0
    skip = False
    for at, value in enumerate(values):
        if skip:
            skip = False
            continue
        if value == "--":
            operands += len(values) - at - 1
            break
        if not value.startswith("-") or value == "-":
            operands += 1
            continue
        following = values[at + 1] if at + 1 < len(values) else None
        if value.startswith("--") or options.single:
            yield from _long(value, following, options)
            if value.startswith("--"):
                continue
        found, skip = _short(value, following, options)
        yield from found
    if options.most is not None and operands > options.most:
        yield Escape("write", values[-1], values[-1])


def _long(value: str, following: str | None, options: Options) -> Iterator[Escape]:
    given, equals, inline = value.lstrip("-").partition("=")
    if not given:
        return
    target = inline if equals else following
    # GNU programs take any beginning of an option that is not ambiguous.
    least = 1 if value.startswith("--") else 2
    if any(word.startswith(given) and len(given) >= least for word in options.run_words):
        yield Escape("run", value)
    if any(word.startswith(given) and len(given) >= least for word in options.write_words):
        yield Escape("write", value, target)


def _short(value: str, following: str | None, options: Options) -> tuple[list[Escape], bool]:
    """What a cluster of short options does, and whether it takes the next word."""
    found: list[Escape] = []
    # Where -name is a long option, letters do not stand together.
    for at, letter in enumerate(value[1:2] if options.single else value[1:], 1):
        rest = value[at + 1 :]
        if letter in options.runs:
            found.append(Escape("run", value))
            return found, False
        if letter in options.writes:
            found.append(Escape("write", value, rest or following))
            return found, False
        if letter in options.takes:
            return found, not rest
    return found, False


def _queries(name: str, values: list[str] | None) -> bool:
    if not values:
        return False
    known = _QUERY_OPTIONS[_SAME.get(name, name)]
    for words in _QUERIES[name]:
        if tuple(values[: len(words)]) != words:
            continue
        rest = values[len(words) :]
        given = [value.partition("=")[0] for value in rest if value.startswith("-")]
        written = [after for value, after in pairwise(rest) if value == "-o"]
        return all(map(known.fullmatch, given)) and _FORMATS.issuperset(written)
    return False


def _awk_prints(arguments: Sequence[Word]) -> bool:
    """Whether awk is given one plain program text that neither writes nor runs."""
    values = certain(arguments)
    if values is None:
        return False
    while values and re.fullmatch(r"-F.{1,3}|-v[a-z]\w*=[\w.]*", values[0], re.DOTALL):
        values = values[1:]
    if not values or any(value.startswith("-") for value in values):
        return False
    # An operand NAME=value sets a variable; one with a file name is read.
    return not AWK_RUNS.search(values[0])
