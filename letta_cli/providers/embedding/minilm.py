"""all-MiniLM-L6-v2 on this computer: int8 weights on onnxruntime, one thread."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from letta_cli.core.errors import ProviderError
from letta_cli.providers.local.manifest import EMBEDDING, EMBEDDING_NAME, EMBEDDING_TOKENIZER

TOKENS = 128
"""Of each text; what the model was trained with."""

_BATCH = 32


class MiniLM:
    """See `letta_cli.core.embedding.Embedder`."""

    model = f"{EMBEDDING_NAME}:{EMBEDDING.sha256[:12]}"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._session: Any = None
        self._tokenizer: Any = None

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        self._load()
        # Of like length together: a batch is as wide as its longest text.
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        made: dict[int, bytes] = {}
        for start in range(0, len(order), _BATCH):
            places = order[start : start + _BATCH]
            vectors = self._vectors([texts[place] for place in places])
            made.update(zip(places, vectors, strict=True))
        return [made[place] for place in range(len(texts))]

    def _vectors(self, texts: Sequence[str]) -> list[bytes]:
        import numpy as np

        encoded = self._tokenizer.encode_batch(list(texts))
        ids = np.array([each.ids for each in encoded], dtype=np.int64)
        mask = np.array([each.attention_mask for each in encoded], dtype=np.int64)
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (hidden,) = self._session.run(None, given)
        # The mean over the tokens of the text, at unit length (Reimers and Gurevych, 2019).
        weights = mask[:, :, None].astype(np.float32)
        means: Any = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        rounded: Any = np.clip(np.rint(means * 127), -127, 127).astype(np.int8)
        return [row.tobytes() for row in rounded]

    def _load(self) -> None:
        if self._session is not None:
            return
        try:
            import onnxruntime
            from tokenizers import Tokenizer

            tokenizer: Any = Tokenizer.from_file(str(self._folder / EMBEDDING_TOKENIZER.file_name))
            runtime: Any = onnxruntime
            options = runtime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            session = runtime.InferenceSession(
                str(self._folder / EMBEDDING.file_name),
                sess_options=options,
                providers=["CPUExecutionProvider"],
            )
        except Exception as error:
            raise ProviderError(
                f"{EMBEDDING.title} cannot be loaded: {error}. Fetch it again with: "
                f"agent models pull {EMBEDDING_NAME}"
            ) from error
        tokenizer.enable_truncation(max_length=TOKENS)
        tokenizer.enable_padding()
        self._tokenizer, self._session = tokenizer, session
