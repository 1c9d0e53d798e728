"""What must hold for every command: a refused one stays refused in whatever it is wrapped."""

import shlex
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from letta_cli.core.message import ToolCall
from letta_cli.core.permission import Rules
from letta_cli.core.tool import ToolSpec
from letta_cli.permissions import decide, decide_path, decide_shell, parse_rule

CWD, HOME = Path("/work/repo"), Path("/home/ada")
DENIED = ("rm x", "rm -r build", "curl http://x.example", "git push origin main", "git -C . push")
RULES = {"deny": ["Bash(rm:*)", "Bash(curl *)", "Bash(git push:*)"], "allow": ["Bash"]}

WORDS = (
    "sudo {}", "sudo -n -u root {}", "doas {}", "env {}", "env -i A=b {}", "nohup {}", "nice {}",
    "nice -n 5 {}", "timeout 5 {}", "timeout -k 1 -s KILL 5m {}", "time {}", "stdbuf -oL {}",
    "setsid {}", "ionice -c 2 {}", "command {}", "builtin {}", "exec {}", "xargs {}",
    "xargs -0 -n 1 {}", "find . -exec {} +", "find . -execdir {} \\;", "busybox {}", "strace -f {}",
    "chroot /mnt {}", "flock lock {}", "watch {}", "parallel {} ::: a", "docker run --rm image {}",
    "kubectl exec pod -- {}", "ssh -p 22 host {}", "uv run {}", "npx {}", "A=b {}", "LANG=C {}",
    "taskset 1 {}", "chrt -f 1 {}", "systemd-run --user {}", "unshare -r {}",
)  # fmt: skip
TEXTS = (
    "bash -c {}", "sh -c {}", "bash -lc {}", "zsh -e -c {}", "eval {}", "trap {} EXIT", "su -c {} ada",
    "ssh host {}", "watch {}", "script -c {} out", "env -S {}", "flock lock -c {}", "echo {} | sh",
    "bash <<< {}", "git rebase --exec {} HEAD~1", "git submodule foreach {}", "xargs sh -c {}",
    "parallel {} ::: a", "docker exec box sh -c {}",
)  # fmt: skip
SYNTAX = (
    "ls; {}", "ls && {}", "ls || {}", "ls | {}", "{} & ls", "! {}", "({})", "{{ {}; }}", "echo $({})",
    'echo "$({})"', "cat <({})", "if true; then {}; fi", "for i in 1; do {}; done",
    "while {}; do ls; done", "case x in x) {};; esac", "f() {{ {}; }}; f", "x=$({})",
    "ls\n{}", "cat <<EOF\n$({})\nEOF", "bash <<'EOF'\n{}\nEOF", "{} > out", "ls # comment\n{}",
)  # fmt: skip


def wrapped(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    words = st.tuples(st.sampled_from(WORDS), inner.filter(lambda c: set(c) <= PLAIN))
    texts = st.tuples(st.sampled_from(TEXTS), inner.map(shlex.quote))
    syntax = st.tuples(st.sampled_from(SYNTAX), inner)
    return st.one_of(words, texts, syntax).map(lambda pair: pair[0].format(pair[1]))


PLAIN = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -./:=_~")
commands = st.recursive(st.sampled_from(DENIED), wrapped, max_leaves=3)
slow_machine = settings(
    max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


@slow_machine
@given(commands)
def test_a_denied_command_stays_denied_in_every_wrapper(command: str):
    decision = decide_shell(command, RULES, CWD, mode="bypassPermissions", home=HOME)
    assert decision.verdict == "deny", decision.reason


@slow_machine
@given(commands)
def test_what_is_not_allowed_is_not_allowed_in_a_wrapper_either(command: str):
    decision = decide_shell(command, {"allow": ["Bash(ls:*)"]}, CWD, home=HOME)
    assert decision.verdict != "allow", decision.reason


@slow_machine
@given(st.text(max_size=60), st.sampled_from(["default", "acceptEdits", "plan", "dontAsk"]))
def test_any_text_at_all_gets_a_decision(text: str, mode: str):
    decision = decide_shell(text, RULES, CWD, mode=mode, home=HOME)  # type: ignore[arg-type]
    assert decision.verdict in ("allow", "ask", "deny")
    assert mode != "dontAsk" or decision.verdict != "ask"


@slow_machine
@given(st.text(alphabet="ab./~*?[]$ \n\0\u200b\u0130é", max_size=30))
def test_any_path_at_all_gets_a_decision_and_never_leads_outside(path: str):
    decision = decide_path(path, "edit", {}, [CWD], mode="acceptEdits", home=HOME)
    assert decision.verdict in ("allow", "ask", "deny")
    if decision.verdict == "allow":
        assert decision.path is not None and CWD in (decision.path, *decision.path.parents)


@slow_machine
@given(st.sampled_from(DENIED), st.sampled_from(["'", '"', "\\"]), st.integers(0, 3))
def test_quotes_within_the_name_hide_nothing(command: str, quote: str, at: int):
    name, _, rest = command.partition(" ")
    at = min(at, len(name) - 1)
    end = "" if quote == "\\" else quote
    tricky = f"{name[:at]}{quote}{name[at]}{end}{name[at + 1 :]} {rest}"
    assert decide_shell(tricky, RULES, CWD, home=HOME).verdict == "deny"


@slow_machine
@given(st.sampled_from(["Read", "Edit", "Write", "Grep", "Bash", "WebFetch", "mcp__x__y", "Nosuch"]),
       st.dictionaries(st.sampled_from(["file_path", "path", "command", "url", "pattern"]),
                       st.one_of(st.text(max_size=20), st.integers(), st.none())))  # fmt: skip
def test_any_call_at_all_gets_a_decision(tool: str, arguments: dict[str, object]):
    rules = Rules(deny=(parse_rule("Bash(rm *)", ""),))
    call = ToolCall("1", tool, arguments)
    spec = ToolSpec(tool, "", {}, "execute")
    decision = decide(call, spec, rules=rules, mode="default", cwd=CWD, roots=(), home=HOME)
    assert decision.reason
