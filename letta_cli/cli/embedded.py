"""The embedded model on the command line: what it is, and fetching it with progress."""

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from letta_cli.config import Config
from letta_cli.core.errors import ConfigError
from letta_cli.providers import embedding
from letta_cli.providers.local.manifest import DEFAULT, EmbeddedModel
from letta_cli.providers.local.pull import Pulled, PullEvent, PullNote, PullProgress, pull

STEP = 10
"""Percent between two lines where there is no terminal."""


def describe(model: EmbeddedModel = DEFAULT) -> str:
    """Size, licence and source: said before anything is fetched."""
    return f"{summary(model)} ({page()})" if model.url else summary(model)


def summary(model: EmbeddedModel = DEFAULT) -> str:
    """What is fetched, in less than a line."""
    size = f"{model.size / 1e9:.1f} GB" if model.size > 5e8 else f"{model.size / 1e6:.0f} MB"
    return f"{model.title}: {size}, licence {model.license}, published by {model.publisher}"


def page() -> str:
    """Where the publisher tells more."""
    return DEFAULT.url.split("/resolve/")[0]


def runtime_missing() -> bool:
    """Whether the extra that runs the embedded model is not installed."""
    return importlib.util.find_spec("xllamacpp") is None


def fetch(
    config: Config, files: Sequence[EmbeddedModel] = (DEFAULT,), *, source: Path | None = None
) -> None:
    """Fetch a model's files, showing progress on stderr. Consent was given before.

    Raises:
        ConfigError: the runtime is not installed.
        AgentError: what the fetch itself raises.
    """
    is_chat = files[0] is DEFAULT
    if runtime_missing() if is_chat else embedding.runtime_missing():
        raise ConfigError(
            f"{files[0].title} needs its runtime. Install it with: pip install "
            f"'letta-cli[{'local' if is_chat else 'semantic'}]'"
        )
    folder = Path(config.provider("local").cache_dir)
    view = PullView(sys.stderr)
    view.line(describe(files[0]))
    for file in files:
        for event in pull(file, folder, local_file=source):
            view.show(event)


class PullView:
    """One line that is rewritten in a terminal; a line each ten percent elsewhere."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._terminal = out.isatty()
        self._open = False
        self._told = -STEP

    def show(self, event: PullEvent) -> None:
        match event:
            case PullProgress():
                self._progress(event)
            case PullNote(text=text):
                self.line(text)
            case Pulled():
                self.line(f"verified sha256 {event.sha256}: {event.path}")

    def line(self, text: str) -> None:
        if self._open:
            self._out.write("\n")
            self._open = False
        self._out.write(f"{text}\n")
        self._out.flush()

    def _progress(self, event: PullProgress) -> None:
        text = progress_line(event)
        if self._terminal:
            self._out.write(f"\r\x1b[2K{text}")
            self._out.flush()
            self._open = True
            return
        percent = 100 * event.done // event.total
        if percent >= self._told + STEP:
            self._told = percent - percent % STEP
            self.line(text)


def progress_line(event: PullProgress) -> str:
    """``Qwen2.5-Coder 1.5B Instruct  412/1117 MB  31 MB/s  00:22  part 9/22``."""
    done, total = event.done / 1e6, event.total / 1e6
    parts = [DEFAULT.title, f"{done:.0f}/{total:.0f} MB"]
    if event.rate > 0:
        parts.append(f"{event.rate / 1e6:.1f} MB/s")
    if event.rest_seconds is not None:
        minutes, seconds = divmod(round(event.rest_seconds), 60)
        parts.append(f"{minutes:02}:{seconds:02}")
    parts.append(event.source)
    return "  ".join(parts)
