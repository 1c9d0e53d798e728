"""One frozen `Config` from defaults, settings files, environment and flags, with the origin of
every value. The only reader of the environment."""

from letta_cli.config.load import load_config
from letta_cli.config.model import PROVIDERS, Config

__all__ = ["PROVIDERS", "Config", "load_config"]
