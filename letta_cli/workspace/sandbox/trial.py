"""The choice of a sandbox, tried once for a process, in the background.

The outcome is kept in memory alone: a file that says what was proved could be written by those whom
it is about, and the trial takes less time than a model's SDK needs to be imported.
"""

import threading
from collections.abc import Mapping
from pathlib import Path

from letta_cli.workspace.sandbox.probe import Proof, best
from letta_cli.workspace.sandbox.sandbox import NO_SANDBOX, Sandbox


class Trial:
    """Which sandbox holds here. See `best` for the arguments."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        self._lock = threading.Lock()
        self._outcome: tuple[Sandbox, Proof] | None = None

    def start(self) -> None:
        """Begin in a thread of its own; a process that ends does not wait for it."""
        threading.Thread(target=self.outcome, name="sandbox-trial", daemon=True).start()

    def outcome(self) -> tuple[Sandbox, Proof]:
        """The sandbox and its proof; waits for the trial, and makes it if nobody has begun."""
        with self._lock:
            if self._outcome is None:
                try:
                    self._outcome = best(self._environment, self._folder)
                except OSError as error:
                    self._outcome = NO_SANDBOX, Proof(problem=f"it could not be tried: {error}")
            return self._outcome

    @property
    def known(self) -> tuple[Sandbox, Proof] | None:
        """The outcome if there is one already; never waits."""
        return self._outcome

    @classmethod
    def decided(cls, sandbox: Sandbox, proof: Proof) -> "Trial":
        """A trial that was made before."""
        trial = cls({}, Path())
        trial._outcome = sandbox, proof
        return trial
