"""Runs the ten chores with any model and prints what came of them.

    python scripts/evals/run.py --model local/qwen2.5-coder-1.5b --seeds 3
    python scripts/evals/run.py --model local/qwen2.5-coder-1.5b --learn --seeds 1

With ``--learn`` every failure is answered with what was wrong, once, in the same conversation; the
conversation becomes a skill through ``agent learn``; and all tasks are done again by fresh agents
that have those skills and nothing else. Five more tasks then follow house rules that nobody knows
who was not told, and five others fall under the same rules but are never learned from. The scores
before and after are printed for both kinds.

Each run has a fresh repository, a fresh home and a fresh agent, and goes through the real command
line. Weights are shared by a link, so that they are not fetched again.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks import HOUSE_RULES, KIN, TASKS, Outcome, Task

ALLOWED = (
    "Read", "Write", "Edit", "Grep", "Glob", "Skill", "memory_insert",
    "Bash(python *)", "Bash(python3 *)", "Bash(pytest *)", "Bash(ls *)", "Bash(cat *)",
)  # fmt: skip
"""Nothing that could hurt the machine: the model that is measured may be a very small one."""

SECONDS = 600
"""The longest that one conversation may take, unless ``--seconds`` says otherwise."""


@dataclass(frozen=True)
class Score:
    """What came of one task with one seed."""

    task: str
    problem: str
    steps: int
    seconds: float


@dataclass(frozen=True)
class Lessons:
    """Attributes:
    skills: the folder of the skills that fresh agents get; what is learned is added to it.
    teacher: the model that learns from failures; empty: nobody does.
    seconds: the longest that one conversation may take.
    """

    skills: Path
    teacher: str = ""
    seconds: int = SECONDS


def main() -> int:
    """Run, print the table; 0 when the median score reaches ``--goal``."""
    options = _parse()
    known = (*TASKS, *HOUSE_RULES, *KIN) if options.learn else TASKS
    tasks = [task for task in known if _is_chosen(task, options.tasks)]
    if not tasks:
        sys.stderr.write(f"No task has a name with one of: {' '.join(options.tasks)}\n")
        return 2
    if options.learn:
        return _before_and_after(options, tasks)
    with tempfile.TemporaryDirectory(prefix="agent-skills-") as folder:
        median = _print_table(
            options.model, _rounds(options, tasks, Lessons(Path(folder), seconds=options.seconds))
        )
    return 0 if options.goal is None or median >= options.goal else 1


def _before_and_after(options: argparse.Namespace, tasks: list[Task]) -> int:
    """All tasks, a skill for each failure, and all tasks again with those skills."""
    with tempfile.TemporaryDirectory(prefix="agent-skills-") as folder:
        skills = Path(folder)
        teacher = options.teacher or options.model
        before = _rounds(options, tasks, Lessons(skills, teacher, options.seconds))
        _print_table(options.model, before)
        learned = sorted(path.name for path in skills.iterdir())
        print(f"\nlearned: {', '.join(learned) or 'no skill'}\n", flush=True)
        after = _rounds(options, tasks, Lessons(skills, seconds=options.seconds))
        median = _print_table(options.model, after)
    kin = {task.name for task in KIN}
    for what, chosen in (
        ("tasks learned from", {task.name for task in tasks} - kin),
        ("others like them", {task.name for task in tasks} & kin),
    ):
        if chosen:
            told = (f"{_median(rounds, chosen):g}" for rounds in (before, after))
            print(f"{what}: {' before, '.join(told)} after, of {len(chosen)}")
    return 0 if options.goal is None or median >= options.goal else 1


def _median(rounds: list[list[Score]], chosen: set[str]) -> float:
    totals = [sum(s.task in chosen and not s.problem for s in scores) for scores in rounds]
    return float(statistics.median(totals))


def _rounds(
    options: argparse.Namespace, tasks: list[Task], lessons: "Lessons"
) -> list[list[Score]]:
    rounds: list[list[Score]] = []
    for seed in range(1, options.seeds + 1):
        scores: list[Score] = []
        for task in tasks:
            score = run_task(task, options.model, keep=options.keep, lessons=lessons)
            scores.append(score)
            mark = "pass" if not score.problem else f"FAIL  {score.problem}"
            print(
                f"seed {seed}  {task.name:<34}{score.steps:>3} steps {score.seconds:>5.0f} s  "
                f"{' '.join(mark.split())[:160]}",
                flush=True,
            )
        rounds.append(scores)
    return rounds


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, metavar="HANDLE")
    parser.add_argument("--seeds", type=int, default=3, help="rounds over all tasks")
    parser.add_argument("--tasks", nargs="*", default=[], metavar="WORD", help="only these")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="limit of a conversation")
    parser.add_argument("--goal", type=float, help="exit 1 when the median score is lower")
    parser.add_argument("--learn", action="store_true", help="learn from failures, and do it again")
    parser.add_argument("--teacher", metavar="HANDLE", help="learn with this model instead")
    parser.add_argument("--keep", action="store_true", help="keep the folders of failed runs")
    return parser.parse_args()


def _is_chosen(task: Task, words: list[str]) -> bool:
    return not words or any(word in task.name for word in words)


def run_task(task: Task, model: str, *, keep: bool = False, lessons: Lessons) -> Score:
    """One task in folders of its own, with the skills that were learned so far."""
    base = Path(tempfile.mkdtemp(prefix="agent-eval-"))
    repository, user_home = base / "repository", base / "home"
    _lay_out(task, repository, user_home)
    # What was learned by now is for the second time: the first one is without any.
    if not lessons.teacher and lessons.skills.is_dir():
        shutil.copytree(lessons.skills, user_home / ".agent" / "skills", dirs_exist_ok=True)
    started = time.monotonic()
    steps, answer, problem = 0, "", ""
    for prompt in task.prompts:
        result = _converse(
            prompt, model, repository, user_home, may_run=task.may_run, lessons=lessons
        )
        steps += int(result.get("num_turns") or 0)
        answer = str(result.get("result") or "")
        problem = problem or str(result.get("problem") or "")
    seconds = time.monotonic() - started
    try:
        problem = problem or task.check(Outcome(repository, user_home, answer))
    except (OSError, subprocess.TimeoutExpired) as error:
        problem = f"the check failed: {error}"
    if problem and lessons.teacher and task not in KIN:
        _learn(task, problem, lessons, repository, user_home, model)
    if problem and keep:
        print(f"kept: {base}")
    else:
        shutil.rmtree(base, ignore_errors=True)
    return Score(task.name, problem, steps, seconds)


def _learn(
    task: Task, problem: str, lessons: Lessons, repository: Path, user_home: Path, model: str
) -> None:
    """Say what was wrong, let the model try once more, and make a skill of the conversation."""
    said = f"That was not right: {' '.join(problem.split())[:300]} Find out why, and do it right."
    _converse(
        said,
        model,
        repository,
        user_home,
        may_run=task.may_run,
        lessons=lessons,
        options=["--continue"],
    )
    command = [*_agent(), "learn", "--model", lessons.teacher, "--yes", "--json"]
    try:
        done = subprocess.run(
            command,
            cwd=repository,
            env=_environment(user_home),
            capture_output=True,
            text=True,
            timeout=lessons.seconds,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        print(f"        nothing was learned within {lessons.seconds} s", flush=True)
        return
    if done.returncode:
        reason = " ".join(done.stderr.split())
        print(f"        nothing was learned: {reason[-200:]}", flush=True)
        return
    shutil.copytree(user_home / ".agent" / "skills", lessons.skills, dirs_exist_ok=True)
    print(f"        learned: {json.loads(done.stdout)['name']}", flush=True)


def _lay_out(task: Task, repository: Path, user_home: Path) -> None:
    """Fresh folders with the task's files; the repository has one commit."""
    repository.mkdir(parents=True)
    user_home.mkdir()
    for folder, files in ((repository, task.files), (user_home, task.home_files)):
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    git = ["git", "-c", "user.name=eval", "-c", "user.email=eval@localhost"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "start"]):
        subprocess.run([*git, *words], cwd=repository, check=True, capture_output=True)
    _share_models(user_home)


def _share_models(user_home: Path) -> None:
    """Link the person's weights, and with them the running server, into the fresh home."""
    source = Path(os.environ.get("AGENT_HOME") or Path.home() / ".agent") / "models"
    if source.is_dir():
        (user_home / ".agent").mkdir(mode=0o700)
        (user_home / ".agent" / "models").symlink_to(source)


def _converse(
    prompt: str,
    model: str,
    repository: Path,
    user_home: Path,
    *,
    may_run: bool,
    lessons: Lessons,
    options: Sequence[str] = (),
) -> dict[str, object]:
    """One ``agent run``: its result object, and ``problem`` when there is none."""
    command = [*_agent(), "run", "--model", model, "--output-format", "json", "--max-turns", "20"]
    command += ["--permission-mode", "acceptEdits" if may_run else "default"]
    for rule in ALLOWED if may_run else ("Read", "Grep", "Glob"):
        command += ["--allowedTools", rule]
    try:
        done = subprocess.run(
            [*command, *options, prompt],
            cwd=repository,
            env=_environment(user_home),
            capture_output=True,
            text=True,
            timeout=lessons.seconds,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return {"problem": f"not done after {lessons.seconds} s"}
    try:
        result = json.loads(done.stdout)
    except ValueError:
        return {"problem": f"no result: {(done.stderr or done.stdout)[-300:]}"}
    # A refusal is an outcome; what it left behind is for the check to judge.
    failed = result.get("is_error") and not result.get("permission_denials")
    return {**result, "problem": str(result.get("result") or "") if failed else ""}


def _environment(user_home: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    home = {"HOME": str(user_home), "AGENT_HOME": str(user_home / ".agent"), "PATH": path}
    return {**os.environ, **home}


def _agent() -> list[str]:
    return [sys.executable, "-m", "letta_cli"]


def _print_table(model: str, rounds: list[list[Score]]) -> float:
    """Task by seed, with steps and seconds; returns the median score of the seeds."""
    print(f"\n{model}\n")
    heads = "".join(f"seed {number}".rjust(18) for number in range(1, len(rounds) + 1))
    print(f"{'task':<34}{heads}")
    for row in zip(*rounds, strict=True):
        cells = "".join(
            f"{'pass' if not s.problem else 'FAIL'} {s.steps:>2} st {s.seconds:>4.0f} s".rjust(18)
            for s in row
        )
        print(f"{row[0].task:<34}{cells}")
    totals = [sum(not score.problem for score in scores) for scores in rounds]
    median = statistics.median(totals)
    print(f"{'passed':<34}" + "".join(f"{total} of {len(rounds[0])}".rjust(18) for total in totals))
    print(f"\nmedian score: {median:g} of {len(rounds[0])}")
    return float(median)


if __name__ == "__main__":
    sys.exit(main())
