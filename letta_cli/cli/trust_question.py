"""Asks a person at a terminal, before a conversation opens, what of a folder may take effect."""

import sys

from letta_cli.cli.folder import described, look_at
from letta_cli.config import Config
from letta_cli.config.edit import trust_items
from letta_cli.config.trust import printable


def asked(config: Config) -> bool:
    """Put the question if there is one; False when the person wants to leave.

    Nothing was read into a prompt or run before, and what the person does not trust is left out.
    """
    look_at(config)
    new = [item for item in config.trust.left_out.values() if item.digest]
    if not new:
        return True
    out = sys.stderr
    out.write(f"The folder {printable(str(config.trust.root))} brings its own\n")
    for item in new:
        out.write("".join(f"  {line}\n" for line in described(item)))
    out.write("Only what you trust takes effect; what changes later is asked for again.\n")
    out.write("  1) Trust all of this\n")
    out.write("  2) Go on without it\n")
    out.write("  3) Leave\n")
    out.flush()
    answer = ""
    while answer not in ("1", "2", "3"):
        try:
            answer = input("1, 2 or 3? ").strip()
        except EOFError:
            return False
    if answer == "1":
        trust_items(config.home, config.trust.owner, new)
    return answer != "3"
