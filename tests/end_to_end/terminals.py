"""A real pseudo-terminal with the real program in it."""

import sys
import time

import pexpect
import pyte

COLUMNS, LINES = 90, 40


class Terminal:
    """A pseudo-terminal with the program in it, and what its screen shows."""

    def __init__(self, agent, *arguments, env):
        self.screen = pyte.HistoryScreen(COLUMNS, LINES, history=1000)
        self.stream = pyte.ByteStream(self.screen)
        self.process = pexpect.spawn(
            sys.executable,
            ["-m", "letta_cli", "chat", *arguments],
            env={**agent.env(**env), "TERM": "xterm-256color"},
            cwd=str(agent.project),
            dimensions=(LINES, COLUMNS),
            timeout=20,
        )

    @property
    def text(self):
        past = ["".join(row[x].data for x in range(COLUMNS)) for row in self.screen.history.top]
        return "\n".join(line.rstrip() for line in past + list(self.screen.display))

    def wait_for(self, words, seconds=20):
        """Read the screen until it shows `words`; fails with what it showed instead."""
        deadline = time.monotonic() + seconds
        while words not in self.text:
            assert time.monotonic() < deadline, f"{words!r} never came:\n{self.text}"
            try:
                self.stream.feed(self.process.read_nonblocking(65536, timeout=0.2))
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                assert words in self.text, f"ended without {words!r}:\n{self.text}"
        return self

    def type(self, text):
        self.process.send(text)
        return self

    def enter(self, text):
        self.wait_for("❯")
        self.process.send(text)
        time.sleep(0.1)
        self.process.send("\r")
        return self

    def end(self):
        self.enter("/exit")
        self.process.expect(pexpect.EOF)
        self.process.close()
        return self.process.exitstatus
