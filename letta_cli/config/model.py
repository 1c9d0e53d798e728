"""What a configuration holds: values only, handed down to everything that needs one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from letta_cli.config.trust import Trust
from letta_cli.core.need import Need
from letta_cli.core.permission import PermissionMode, Rules
from letta_cli.core.provider import Effort, ProviderSettings
from letta_cli.core.reflection import ReflectionSettings

PROVIDERS: tuple[str, ...] = (
    "anthropic",
    "openai",
    "openai-compatible",
    "ollama",
    "lmstudio",
    "llamacpp",
    "vllm",
    "openrouter",
    "local",
    "scripted",
)
"""The providers that settings may name."""


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """Whether commands are confined, and what they may have all the same.

    Attributes:
        network: confined commands reach whatever this machine reaches.
        git: confined commands write the repository, but for what runs code in it.
        hosts: confined commands reach these hosts, through a proxy.
        auto_allow: confined commands that no rule lists run without a question.
    """

    enabled: bool = False
    network: bool = False
    git: bool = False
    hosts: tuple[str, ...] = ()
    auto_allow: bool = True

    @property
    def grants(self) -> frozenset[Need]:
        """What all confined commands have."""
        wanted = {Need("network"): self.network, Need("git"): self.git}
        given = [need for need, granted in wanted.items() if granted]
        return frozenset((*given, *(Need("host", host) for host in self.hosts)))


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that a person can decide, decided.

    Attributes:
        home: where the program keeps its own files; exists, mode 0700.
        cwd: the directory that the person works in, absolute.
        model: a handle ``provider/model``, or empty when nothing names one.
        providers: the providers that have a key, an address or another setting.
        rules: of all layers, each with its source; project files add no ``allow``.
        max_turns: model calls in one run; None for no limit.
        environment: for child processes; credentials are left out.
        own_environment: the part of `environment` that the person's settings add.
        passed_environment: names of credentials that are passed on all the same.
        secrets: the named values for commands.
        known_secrets: these, keys and credentials of the environment: what must be masked.
        local_model_consent: the person agreed to fetch the embedded model.
        reflection: when the agent looks back by itself, and what that may cost.
        memory_mirror: the folder of the git repository that mirrors memory; None for none.
        other_homes: where other programs keep their things, by the variable that says so.
        omni_memory: the model gets the one ``memory`` tool instead of the three single ones.
        embedding: the model that searches by meaning; "off" for none, empty for the local one
            where it is there.
        editor: a command line, from VISUAL or EDITOR.
        directories: folders beside the project that may be worked in.
        origins: dotted key to where its value came from, e.g. ``environment AGENT_MODEL``.
        warnings: one line each, for the person.
        reflows: the terminal folds printed lines anew when it becomes narrower.
        trust: decides what of the folder takes effect, and remembers what it left out.
    """

    home: Path
    cwd: Path
    user_home: Path
    database_url: str
    model: str
    effort: Effort
    providers: Mapping[str, ProviderSettings]
    mode: PermissionMode
    rules: Rules
    max_turns: int | None
    max_budget_usd: float | None
    max_retries: int
    bash_timeout_ms: int
    bash_max_timeout_ms: int
    bash_max_output: int
    environment: Mapping[str, str]
    local_model_consent: bool
    no_color: bool
    editor: str
    history_file: Path
    origins: Mapping[str, str]
    warnings: tuple[str, ...]
    api_timeout_ms: int = 600_000
    own_environment: Mapping[str, str] = field(default_factory=dict[str, str])
    passed_environment: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    known_secrets: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    other_homes: Mapping[str, str] = field(default_factory=dict[str, str])
    omni_memory: bool = False
    sandbox: SandboxSettings = SandboxSettings()
    embedding: str = ""
    directories: tuple[Path, ...] = ()
    reflection: ReflectionSettings = field(default_factory=ReflectionSettings)
    memory_mirror: Path | None = None
    reflows: bool = True
    trust: Trust = field(default_factory=lambda: Trust(Path(), Path()))

    def provider(self, name: str) -> ProviderSettings:
        """The settings of `name`; plain ones when nothing is configured for it."""
        return self.providers.get(name) or ProviderSettings(
            name=name,
            cache_dir=str(self.home / "models"),
            timeout_seconds=self.api_timeout_ms / 1000,
        )

    def provider_option(self, name: str, option: str) -> str:
        """One provider-specific string, or an empty one."""
        return dict(self.provider(name).options).get(option, "")
