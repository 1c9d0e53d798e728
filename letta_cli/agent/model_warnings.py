"""What a person should know of the model before it works for them."""

from letta_cli.agent.budget import SMALLEST_USEFUL_WINDOW
from letta_cli.agent.turn import Limits
from letta_cli.core.provider import ModelInfo


def warnings_of(info: ModelInfo, limits: Limits) -> list[str]:
    """One line for each thing that may go wrong with this model."""
    found: list[str] = []
    window = info.context_window
    if window is not None and window < SMALLEST_USEFUL_WINDOW:
        found.append(
            f"{info.handle} has a context window of {window:,} tokens; an agent needs at least "
            f"{SMALLEST_USEFUL_WINDOW:,}. Expect it to forget and to fail, or raise the window "
            "where the model is served."
        )
    if limits.max_budget_usd is not None and info.prices is None:
        found.append(
            f"The prices of {info.handle} are not known, so a budget may not end its runs. "
            "Limit the number of model calls instead."
        )
    return found
