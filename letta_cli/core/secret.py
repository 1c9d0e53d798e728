"""Takes secrets out of text before it is stored, shown to a model or written to a file.

Known values are replaced whatever they look like. Unknown ones are recognised by the forms that
their issuers give them, so that they can be found in repositories; the issuers document them. What
looks like a secret and is none is lost from the text, so the forms are those that hardly anything
else has.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import quote, quote_plus

SHORTEST_KNOWN = 6
"""Characters. Shorter values occur in ordinary text; masking them would give them away."""

_FORMS: tuple[tuple[str, str], ...] = (
    ("Anthropic key", r"sk-ant-[A-Za-z0-9_-]{20,}"),
    ("OpenRouter key", r"sk-or-v1-[0-9a-f]{32,}"),
    ("OpenAI key", r"sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,}|sk-[A-Za-z0-9]{40,}"),
    ("GitHub token", r"gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,}"),
    ("GitLab token", r"glpat-[A-Za-z0-9_-]{20,}"),
    ("Slack token", r"xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[0-9]-[A-Za-z0-9-]{10,}"),
    ("AWS key id", r"(?:AKIA|ASIA)[0-9A-Z]{16}"),
    ("Google key", r"AIza[A-Za-z0-9_-]{35}"),
    ("Stripe key", r"[rs]k_live_[A-Za-z0-9]{20,}"),
    ("npm token", r"npm_[A-Za-z0-9]{36}"),
    ("PyPI token", r"pypi-AgE[A-Za-z0-9_-]{50,}"),
    ("Hugging Face token", r"hf_[A-Za-z0-9]{30,}"),
    ("SendGrid key", r"SG\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{40,}"),
    ("JSON web token", r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}"),
)

_FORM = re.compile(
    r"(?<![A-Za-z0-9_-])(?:"
    + "|".join(f"(?P<f{number}>{form})" for number, (_, form) in enumerate(_FORMS))
    + ")"
)
_PRIVATE_KEY = re.compile(
    r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)"
    r".*?(?:(-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)|\Z)",
    re.DOTALL,
)
_PASSWORD_IN_URL = re.compile(
    r"\b([a-z][a-z0-9+.-]{1,30}://[^\s/:@'\"]{1,100}):([^\s/@'\"]{3,200})@"
)


_RUN = re.compile(r"[A-Za-z0-9_.+/=%:@~-]+\Z")
_BEGINNINGS = (
    "sk-", "gh", "glpat-", "xox", "xapp-", "AKIA", "ASIA", "AIza", "rk_live_", "sk_live_", "npm_",
    "pypi-", "hf_", "SG.", "eyJ", "-----BEGIN",
)  # fmt: skip
_KEY_BEGINS = "-----BEGIN "
_KEY_ENDS = re.compile(r"-----END [A-Z0-9 ]{0,40}-----")
_MOST_HELD = 16_384


class Masker:
    """Replaces secrets by ``[secret NAME]``: known values also where they are encoded in base64,
    in hexadecimal, or for an address or JSON.

    Args:
        known: name to value; values shorter than `SHORTEST_KNOWN` are left alone.
    """

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        values = {
            form: name
            for name, value in (known or {}).items()
            if len(value.strip()) >= SHORTEST_KNOWN
            for form in _encoded(value.strip())
        }
        self._names = values
        # The longest first: one value may be the beginning of another.
        ordered = sorted(values, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None
        self._longest = len(ordered[0]) if ordered else 0
        self._first = {value[0] for value in values}

    def mask(self, text: str) -> str:
        """The text without its secrets; most often the same object."""
        if self._known is not None:
            text = self._known.sub(lambda found: _mark(self._names[found.group()]), text)
        if "PRIVATE KEY" in text:
            text = _PRIVATE_KEY.sub(_without_key, text)
        if "://" in text and "@" in text:
            text = _PASSWORD_IN_URL.sub(_without_password, text)
        return _FORM.sub(_without_form, text)

    def settled(self, text: str) -> int:
        """How much of `text` stays as it is, whatever comes after it: in the rest a secret may
        have begun."""
        if (at := text.rfind(_KEY_BEGINS)) >= 0 and not _KEY_ENDS.search(text, at):
            return at
        end = len(text)
        for at in range(max(0, end - self._longest + 1), end):
            if text[at] in self._first and any(v.startswith(text[at:]) for v in self._names):
                end = at
                break
        run = _RUN.search(text)
        if run and (begun := _begun(run.group())) >= 0:
            end = min(end, run.start() + begun)
        return end

    def mask_all(self, value: Any) -> Any:
        """A JSON-able value with all its texts masked."""
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, dict):
            entries = cast("dict[str, Any]", value)
            return {name: self.mask_all(each) for name, each in entries.items()}
        if isinstance(value, list):
            return [self.mask_all(each) for each in cast("list[Any]", value)]
        return value


class StreamMasker:
    """`Masker.mask` for text that comes in pieces: what may be the beginning of a secret waits
    for the next piece."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._held = ""

    def feed(self, piece: str) -> str:
        self._held += piece
        cut = self._masker.settled(self._held)
        if len(self._held) - cut > _MOST_HELD:
            cut = len(self._held)
        ready, self._held = self._held[:cut], self._held[cut:]
        return self._masker.mask(ready)

    def flush(self) -> str:
        """What is left at the end."""
        ready, self._held = self._held, ""
        return self._masker.mask(ready)


MARK = re.compile(r"\[secret [^\[\]\n]{1,80}\]")
"""What stands in the place of a secret."""


def _encoded(value: str) -> Iterator[str]:
    """The value, and the forms in which it is carried about."""
    yield value
    data = value.encode()
    yield data.hex()
    yield data.hex().upper()
    yield quote(value, safe="")
    yield quote_plus(value)
    for before in range(3):
        # In the middle of a longer text it is encoded in one of three ways; what its neighbours
        # have a part in is left out.
        start, left = (0, 2, 3)[before], (len(data) + before) % 3
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(b"\0" * before + data).decode().rstrip("=")
            core = text[start : len(text) - (1 if left else 0)]
            if len(core) >= 2 * SHORTEST_KNOWN:
                yield core


def _begun(run: str) -> int:
    """Where in a run of letters and signs the form of a secret may have begun, or -1."""
    for at, character in enumerate(run):
        if at and (run[at - 1].isalnum() or run[at - 1] in "_-"):
            continue
        rest = run[at:]
        if any(rest.startswith(each) or each.startswith(rest) for each in _BEGINNINGS):
            return at
        if character.isalpha() and "://" in rest:
            return at
    return -1


def mentioned(command: str, secrets: Mapping[str, str]) -> dict[str, str]:
    """The secrets whose names stand in `command` as words of their own."""
    words = set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", command)) if secrets else set[str]()
    return {name: value for name, value in secrets.items() if name in words}


def _mark(name: str) -> str:
    return f"[secret {name}]"


def _without_form(found: re.Match[str]) -> str:
    return _mark(_FORMS[int((found.lastgroup or "f0")[1:])][0])


def _without_key(found: re.Match[str]) -> str:
    return f"{found.group(1)}\n{_mark('private key')}\n{found.group(2) or ''}"


def _without_password(found: re.Match[str]) -> str:
    if found.group(2).startswith(("$", "{", "<", "[", "*", "…")):
        return found.group()  # A placeholder, as in documentation.
    return f"{found.group(1)}:{_mark('password')}@"
