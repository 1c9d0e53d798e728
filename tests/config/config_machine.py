"""A person's machine for the configuration: a home, a project, and nothing of this one's."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from letta_cli.config import Config, load_config


@dataclass
class Machine:
    """Where settings stand. `environ` is all the environment that there is."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.user_home = self.root / "ada"
        self.project = self.root / "project"
        self.home = self.user_home / ".agent"
        self.user_home.mkdir()
        self.project.mkdir()
        (self.project / ".git").mkdir()
        self.environ |= {"HOME": str(self.user_home), "AGENT_TRUST": "1"}

    def user(self, settings: Any) -> Path:
        return self._write(self.home / "settings.json", settings)

    def shared(self, settings: Any) -> Path:
        return self._write(self.project / ".agent" / "settings.json", settings)

    def local(self, settings: Any) -> Path:
        return self._write(self.project / ".agent" / "settings.local.json", settings)

    def keys(self, keys: Any, mode: int = 0o600) -> Path:
        path = self._write(self.home / "keys.json", keys)
        path.chmod(mode)
        return path

    def load(self, flags: dict[str, Any] | None = None, **options: Any) -> Config:
        cwd = options.pop("cwd", self.project)
        return load_config(cwd=cwd, flags=flags, environ=self.environ, **options)

    def _write(self, path: Path, value: Any) -> Path:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return path
