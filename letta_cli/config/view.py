"""Every setting with its value and origin, fit to be shown: secrets are masked."""

from dataclasses import dataclass
from typing import Any

from letta_cli.config.masking import mask, mask_entries, mask_url
from letta_cli.config.model import Config


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting as a person may see it; ``value`` is JSON-able."""

    key: str
    value: Any
    origin: str


def shown_settings(config: Config) -> list[Shown]:
    """All settings that have a value."""
    values: dict[str, Any] = {
        "home": str(config.home),
        "model": config.model,
        "effort": config.effort,
        "database": mask_url(config.database_url),
        "permissions.defaultMode": config.mode,
        "permissions.allow": [rule.text for rule in config.rules.allow],
        "permissions.ask": [rule.text for rule in config.rules.ask],
        "permissions.deny": [rule.text for rule in config.rules.deny],
        "permissions.additionalDirectories": [str(path) for path in config.directories],
        "maxTurns": config.max_turns,
        "maxBudgetUsd": config.max_budget_usd,
        "maxRetries": config.max_retries,
        "apiTimeoutMs": config.api_timeout_ms,
        "bash.timeoutMs": config.bash_timeout_ms,
        "bash.maxTimeoutMs": config.bash_max_timeout_ms,
        "bash.maxOutput": config.bash_max_output,
        "sandbox.enabled": config.sandbox.enabled,
        "sandbox.network": config.sandbox.network,
        "sandbox.git": config.sandbox.git,
        "sandbox.hosts": list(config.sandbox.hosts),
        "sandbox.autoAllow": config.sandbox.auto_allow,
        "localModel": "auto" if config.local_model_consent else "ask",
        "embedding": config.embedding,
        "memoryMirror": str(config.memory_mirror or ""),
        "memoryTools": "omni" if config.omni_memory else "single",
        "reflection.automatic": config.reflection.automatic,
        "reflection.everyTurns": config.reflection.every_turns,
        "reflection.onCompaction": config.reflection.on_compaction,
        "reflection.whenIdle": config.reflection.idle_minutes,
        "reflection.headless": config.reflection.headless,
        "reflection.model": config.reflection.model,
        "reflection.maxBudgetUsd": config.reflection.max_budget_usd,
        "reflection.maxSteps": config.reflection.max_steps,
        "editor": config.editor,
        "env": mask_entries(config.own_environment),
        "passEnvironment": list(config.passed_environment),
    }
    for name, settings in config.providers.items():
        options = dict(settings.options)
        values[f"providers.{name}.apiKey"] = mask(settings.api_key or "")
        values[f"providers.{name}.baseUrl"] = mask_url(settings.base_url or "")
        values[f"providers.{name}.model"] = options.pop("model", "")
        values[f"providers.{name}.contextWindow"] = settings.context_window
        values[f"providers.{name}.headers"] = mask_entries(dict(settings.headers))
        values[f"providers.{name}.options"] = options
    always = {"model"}
    return [
        Shown(key, value, config.origins.get(key, "default"))
        for key, value in values.items()
        if value not in ("", None, [], {}) or key in always
    ]
