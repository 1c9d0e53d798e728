"""What is known of models without asking: context windows, prices, and which ones are small.

A dated table, read off the publishers' price lists in November 2026 (`TABLE_DATE`). Prices are
US dollars for a million tokens at the standard rate, long-prompt tiers included, regional
surcharges and batch discounts not. What is not certain is None; a live answer beats the table.
"""

import re
from dataclasses import dataclass

from letta_cli.core.provider import Prices
from letta_cli.core.run import Usage

TABLE_DATE = "2026-11"

SMALL_BILLIONS = 8.0
"""Models of at most so many billion parameters get the small profile."""


@dataclass(frozen=True, slots=True)
class Known:
    """One row of the table.

    Attributes:
        long_prompt: prompts of more than so many tokens cost the second prices throughout.
    """

    context_window: int | None = None
    max_output: int | None = None
    prices: Prices | None = None
    long_prompt: tuple[int, Prices] | None = None

    def cost(self, usage: Usage) -> float | None:
        """What one model call costs, in US dollars; None where the price is not known."""
        prompt = usage.input + usage.cache_read + usage.cache_write
        if self.long_prompt is not None and prompt > self.long_prompt[0]:
            return self.long_prompt[1].cost(usage)
        return self.prices.cost(usage) if self.prices is not None else None


_M = 1_000_000


def _claude(input_: float, output: float, read: float, context: int, max_output: int) -> Known:
    """Anthropic bills a cache write that lives five minutes at 1.25 of the input price."""
    return Known(context, max_output, Prices(input_, output, read, input_ * 1.25))


def _gpt(input_: float, output: float, read: float, write: float | None = None) -> Known:
    """OpenAI's long-context models: over 272,000 tokens input counts double, output 1.5 times."""
    write = input_ if write is None else write
    return Known(
        1_050_000,
        128_000,
        Prices(input_, output, read, write),
        (272_000, Prices(input_ * 2, output * 1.5, read * 2, write * 2)),
    )


def _older_gpt(input_: float, output: float, read: float, context: int, max_output: int) -> Known:
    return Known(context, max_output, Prices(input_, output, read, input_))


_TABLE: dict[str, Known] = {
    "claude-fable-5-1": _claude(10, 50, 0.25, _M, 128_000),
    "claude-fable-5": _claude(10, 50, 1, _M, 128_000),
    "claude-opus-5-5": _claude(4, 20, 0.20, _M, 128_000),
    "claude-opus-5": _claude(5, 25, 0.5, _M, 128_000),
    "claude-opus-4-8": Known(None, 128_000, Prices(5, 25, 0.5, 6.25)),
    "claude-opus-4-7": Known(None, 128_000, Prices(5, 25, 0.5, 6.25)),
    "claude-opus-4-6": Known(None, 128_000, Prices(5, 25, 0.5, 6.25)),
    "claude-opus-4-5": _claude(5, 25, 0.5, 200_000, 64_000),
    "claude-sonnet-5-5": _claude(2, 10, 0.10, _M, 128_000),
    "claude-sonnet-5": _claude(2, 10, 0.20, _M, 128_000),
    "claude-sonnet-4-6": Known(None, 64_000, Prices(3, 15, 0.3, 3.75)),
    "claude-sonnet-4-5": _claude(3, 15, 0.3, 200_000, 64_000),
    "claude-haiku-5-5": Known(
        _M, 128_000, Prices(0.10, 0.50, 0.01, 0.125), (100_000, Prices(0.50, 2.50, 0.05, 0.625))
    ),
    "claude-haiku-4-5": _claude(1, 5, 0.1, 200_000, 64_000),
    "gpt-6.2-sol": Known(1_050_000, 128_000),
    "gpt-6.1-sol": _gpt(2, 10, 0.10),
    "gpt-6.1-terra": _gpt(1, 5, 0.05, 1.25),
    "gpt-6-sol": _gpt(2, 10, 0.20, 2.5),
    "gpt-6-luna": _gpt(0.10, 0.50, 0.01, 0.125),
    "gpt-6-astra": Known(None, None, Prices(10, 50, 1, 10)),
    "gpt-5.6-sol": _gpt(5, 30, 0.5),
    "gpt-5.6-terra": _gpt(2, 12, 0.20),
    "gpt-5.6-luna": _gpt(0.20, 1.20, 0.02),
    "gpt-5.4": _gpt(2.5, 15, 0.25),
    "gpt-5.2": _older_gpt(1.75, 14, 0.175, 400_000, 128_000),
    "gpt-5.1": _older_gpt(1.25, 10, 0.125, 400_000, 128_000),
    "gpt-5": _older_gpt(1.25, 10, 0.125, 400_000, 128_000),
    "gpt-5-mini": _older_gpt(0.25, 2, 0.025, 400_000, 128_000),
    "gpt-5-nano": _older_gpt(0.05, 0.4, 0.005, 400_000, 128_000),
    "gpt-4.1": _older_gpt(2, 8, 0.5, 1_047_576, 32_768),
    "gpt-4.1-mini": _older_gpt(0.4, 1.6, 0.1, 1_047_576, 32_768),
    "gpt-4o": _older_gpt(2.5, 10, 1.25, 128_000, 16_384),
    "gpt-4o-mini": _older_gpt(0.15, 0.6, 0.075, 128_000, 16_384),
    "o3": _older_gpt(2, 8, 0.5, 200_000, 100_000),
    "o4-mini": _older_gpt(1.1, 4.4, 0.275, 200_000, 100_000),
}

_DATE_SUFFIX = re.compile(r"-(?:\d{8}|\d{4}-\d{2}-\d{2}|latest)$")
_PARAMETERS = re.compile(r"(?<![\w.])(?:e)?(\d+(?:\.\d+)?)\s*([bm])(?![a-z0-9])", re.IGNORECASE)
_MIXTURE = re.compile(r"(\d+)x(\d+(?:\.\d+)?)b", re.IGNORECASE)


def lookup(model: str) -> Known | None:
    """The row for a model name, with or without a date at its end or a vendor before a slash."""
    name = model.rpartition("/")[2].lower()
    return _TABLE.get(name) or _TABLE.get(_DATE_SUFFIX.sub("", name))


def is_small(model: str, billions: float | None = None) -> bool:
    """Whether the small profile should drive this model.

    Args:
        billions: parameters in billions where the server tells them; else the name is read
            (``qwen2.5-coder:1.5b``, ``Llama-3.2-3B-Instruct``, ``smollm2-135m``). A name without a
            size counts as large.
    """
    if billions is None:
        billions = parameters_in_name(model)
    return billions is not None and 0 < billions <= SMALL_BILLIONS


def parameters_in_name(model: str) -> float | None:
    """Billions of parameters as a name tells them, all experts of a mixture counted."""
    mixture = _MIXTURE.search(model)
    if mixture is not None:
        return int(mixture[1]) * float(mixture[2])
    sizes = [
        float(number) / (1000 if unit.lower() == "m" else 1)
        for number, unit in _PARAMETERS.findall(model.replace("_", "-"))
    ]
    # `30b-a3b` names all parameters and the active ones: the larger number is the model's size.
    return max(sizes, default=None)
