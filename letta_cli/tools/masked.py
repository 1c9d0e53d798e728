"""What a model saw in the place of a secret must not get into a file: the secret would be lost."""

from letta_cli.core.secret import MARK


def masked_in(new: str, there: str) -> str:
    """A mark of a secret that stands in `new` and not in the file itself; empty when none does."""
    return next((mark for mark in MARK.findall(new) if mark not in there), "")


def masked_refusal(mark: str, label: str) -> str:
    """What to tell the model."""
    return (
        f"{mark} is what you see in the place of a secret; the file holds, or should hold, the "
        f"real value. Nothing was changed in {label}. Edit the lines around it, copy a secret with "
        "a command that does not print it, or leave it to the person."
    )
