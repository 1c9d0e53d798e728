"""Refuses to a model's commands what only the person decides, however they were permitted.

Otherwise a permission for some command would let text from anywhere write memory as the person,
trust a folder or change a rule.
"""

from collections.abc import Sequence

from letta_cli.config.environment import is_inside
from letta_cli.core.errors import UsageError
from letta_cli.core.personal import LOOKING


def refuse(arguments: Sequence[str]) -> None:
    """Raises UsageError where `arguments` would change something and a model's command says so."""
    if is_inside() and (len(arguments) < 2 or arguments[1] not in LOOKING):
        raise UsageError(
            f"agent {' '.join(arguments[:2])}: this is for the person to do, in their own "
            "terminal; a command that the model runs may only look."
        )
