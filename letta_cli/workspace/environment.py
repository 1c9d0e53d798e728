"""The environment that child processes get: what programs need, without anybody's secrets."""

import re
from collections.abc import Mapping

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|COOKIE|_PAT$|_AUTH$", re.I)
_PROVIDER = re.compile(
    r"^(ANTHROPIC|OPENAI|OPENROUTER|GEMINI|GOOGLE_AI|MISTRAL|GROQ|DEEPSEEK|XAI|COHERE|TOGETHER|"
    r"FIREWORKS|HF|HUGGINGFACE|AZURE_OPENAI|AWS_(ACCESS|SESSION|SECRET))(_|$)",
    re.I,
)
# Bash reads these before the command: they would run something else than what was shown.
_BASH_HOOKS = frozenset({"BASH_ENV", "ENV", "SHELLOPTS", "BASHOPTS", "PROMPT_COMMAND", "CDPATH"})

_FIXED = {
    "GIT_PAGER": "cat",
    "PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_EDITOR": "true",
    "GIT_OPTIONAL_LOCKS": "0",
    "TERM": "dumb",
}


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` without secrets and shell hooks, and with nothing that waits for a person."""
    kept = {
        name: value
        for name, value in environment.items()
        if not _SECRET.search(name)
        and not _PROVIDER.match(name)
        and name not in _BASH_HOOKS
        and not name.startswith("BASH_FUNC_")
    }
    return {**kept, **_FIXED}
