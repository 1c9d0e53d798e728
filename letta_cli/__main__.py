"""The program's entry: ``agent`` and ``python -m letta_cli``."""

import sys

from letta_cli import __version__


def main() -> None:
    """Answer ``--version`` with a literal, before anything is imported; else run the command."""
    if sys.argv[1:] in (["--version"], ["-V"], ["version"]):
        print(f"agent {__version__}")  # noqa: T201 - the output of this very option
        return
    from letta_cli.cli.main import main as run

    run(sys.argv[1:])


if __name__ == "__main__":
    main()
