"""Texts as vectors, so that what means the same is found with other words."""

from collections.abc import Sequence
from typing import Protocol


class Embedder(Protocol):
    """A model that turns texts into vectors. Its weights are loaded by the first call.

    Attributes:
        model: names the model and its exact weights: vectors of two models cannot be compared.
    """

    @property
    def model(self) -> str: ...

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        """A vector of unit length for each text, one signed byte a dimension, 127 for 1.

        Raises:
            ProviderError: the model cannot be reached or loaded.
        """
        ...
