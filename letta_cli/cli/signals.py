"""Which signals end this process, and with which exit code."""

import signal

from letta_cli.core.exit_codes import HUNG_UP, TERMINATED


def ending_signals() -> dict[signal.Signals, int]:
    """SIGTERM, and SIGHUP unless whoever started us had it ignored, as nohup does."""
    codes = {signal.SIGTERM: TERMINATED}
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
        codes[hangup] = HUNG_UP
    return codes
