"""How the program's own words stand in a conversation: inside a tag that names what they are.

A model must be able to tell the person from the program, and both from a summary of what was
taken out of its window. Every provider uses the same tags.
"""

from letta_cli.core.message import Message, Role, Text

_TAGS: dict[Role, str] = {"notice": "notice", "summary": "conversation-summary"}


def spoken_texts(message: Message) -> list[str]:
    """The texts of a message as the model reads them, empty ones left out."""
    tag = _TAGS.get(message.role)
    texts = [part.text for part in message.parts if isinstance(part, Text) and part.text.strip()]
    if tag is None:
        return texts
    return [f"<{tag}>\n{text}\n</{tag}>" for text in texts]
