"""An estimate of tokens for text nobody has counted yet. Cheap, offline, within about a fifth.

Providers report what a request really took; this fills in the tail that was added since, and
stands in for servers that report nothing. The rule: Latin text and code take a token for 3.6
characters (English prose is nearer 4.3, dense code nearer 3), Chinese, Japanese and Korean one
for each character, other non-Latin scripts one for 2 characters. It errs on the high side, so
that compaction comes a little early rather than too late.
"""

import json
import re
from collections.abc import Iterable

from letta_cli.core.message import Image, Message, Reasoning, Text, ToolCall, ToolReturn
from letta_cli.core.tool import ToolSpec

LATIN_CHARS_PER_TOKEN = 3.6
OTHER_CHARS_PER_TOKEN = 2.0
IMAGE_TOKENS = 1600
"""What the large providers charge at most for one picture of ordinary size."""
MESSAGE_OVERHEAD = 4

_CJK = re.compile(
    "[\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff00-\uffef"
    "\U0001f300-\U0001faff\U00020000-\U0003ffff]"
)
_OTHER = re.compile("[\u0370-\u10ff\u1200-\u1cff]")


def estimate(text: str) -> int:
    """Tokens of `text`, rounded up; 0 for the empty string."""
    if not text:
        return 0
    if text.isascii():
        return int(len(text) / LATIN_CHARS_PER_TOKEN) + 1
    cjk = len(_CJK.findall(text))
    other = len(_OTHER.findall(text))
    latin = len(text) - cjk - other
    return int(cjk + other / OTHER_CHARS_PER_TOKEN + latin / LATIN_CHARS_PER_TOKEN) + 1


def estimate_message(message: Message) -> int:
    """Tokens of one message with all its parts."""
    total = MESSAGE_OVERHEAD
    for part in message.parts:
        match part:
            case Text(text=text) | Reasoning(text=text):
                total += estimate(text)
            case ToolCall(name=name, arguments=arguments, malformed=malformed):
                total += estimate(name) + estimate(malformed or json.dumps(dict(arguments)))
            case ToolReturn(content=content):
                total += estimate(content)
            case Image():
                total += IMAGE_TOKENS
    return total


def estimate_tools(tools: Iterable[ToolSpec]) -> int:
    """Tokens of tool definitions as they go over the wire."""
    return sum(
        estimate(tool.name + tool.description + json.dumps(tool.parameters)) for tool in tools
    )
