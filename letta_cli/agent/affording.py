"""What the next model call costs at least: a call that cannot fit into a budget is not made."""

from letta_cli.agent.request import context_tokens
from letta_cli.agent.turn import Turn
from letta_cli.core.run import Usage

SHORT_ANSWER = 50
"""Tokens of the shortest answer that is worth a call."""

ESTIMATE_SHARE = 0.8
"""Estimates err on the high side by up to a fifth."""


def least_cost(turn: Turn) -> float:
    """US dollars that the next request costs at least; 0 where prices are not known.

    What the provider has counted may come out of its cache; the rest cannot.
    """
    prices = turn.info.prices
    if prices is None:
        return 0.0
    counted = turn.meter.counted
    new = max(0, context_tokens(turn) - counted) * ESTIMATE_SHARE
    return prices.cost(Usage(input=int(new), cache_read=counted, output=SHORT_ANSWER))


def is_spent(turn: Turn, cost_usd: float | None) -> bool:
    """Whether a run that has cost so much must end before its next model call."""
    budget = turn.limits.max_budget_usd
    if budget is None:
        return False
    spent = cost_usd or 0.0
    return (cost_usd is not None and spent >= budget) or spent + least_cost(turn) > budget
