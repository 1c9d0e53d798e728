"""Which commands may bring text of strangers, where nothing holds the network back."""

import pytest

from letta_cli.permissions.fetching import may_fetch


@pytest.mark.parametrize(
    "command",
    [
        "ls -la", "cat README.md | head", "grep -rn 'https://example.org' src", "git status",
        "git log --oneline -5", "git commit -m 'see https://example.org'", "pytest -q",
        "python -m pytest tests", "make test", "cargo test", "npm test", "npm run build",
        "go test ./...", "echo hello > a.txt", "for f in *.py; do wc -l $f; done",
        "cd src && ruff check .", "timeout 5 pytest", "test -f x && echo yes", "[ -d a ] || mkdir a",
        "f() { ls; }; f", "sed -n 1,5p a", "find . -name '*.py' | xargs wc -l", "git remote -v",
    ],
)  # fmt: skip
def test_what_stays_on_this_machine_is_known(command: str) -> None:
    assert not may_fetch(command)


@pytest.mark.parametrize(
    "command",
    [
        "curl https://example.org", "c=curl; $c x", "bash -c 'wget x'", "git pull", "git clone x",
        "git -c alias.x='!curl y' x", "git submodule update", "cat </dev/tcp/1.2.3.4/80",
        "python fetch.py", "python3 -c 'import urllib'", "node -e 1", "./download.sh", "npm install",
        "pip download x", "cargo add serde", "go get x", "docker run x", "ssh host cat x", "dig x",
        "gh pr view 1", "timeout 5 curl x", "find . -exec curl x \\;", "xargs curl < urls",
        "echo $(curl x)", "ls; nc host 80", "openssl s_client -connect x:443", "aws s3 cp s3://a -",
        "sudo curl x", "perl -MLWP::Simple -e 1", "lynx -dump x", "echo 'unclosed",
    ],
)  # fmt: skip
def test_anything_else_may_fetch(command: str) -> None:
    assert may_fetch(command)
