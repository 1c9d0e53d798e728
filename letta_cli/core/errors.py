"""Every error that is raised on purpose. ``str(error)`` is fit to show a person.

AgentError                     exit code 1
  UsageError                   exit code 2: the command line or an option is wrong
  ConfigError                  a settings file or value is wrong: says file, key, what was expected
  NoModelConfigured            exit code 2: no key, no server, no local model
  StoreError
    NotFound
    Conflict                   the text changed meanwhile; carries the current value
    LimitExceeded              a block would grow past its limit
    ReadOnly
    Busy                       exit code 75: held by another session; carries the holder
      LeaseLost                taken over by another session in the middle of a run
    DatabaseTooNew             written by a newer version; untouched
    DatabaseDamaged            untouched
    DiskFull
  ProviderError
    AuthError                  key missing, wrong or without permission
    ModelNotFound
    BadRequest                 the provider refused the request; repeating it is useless
    ContextOverflow            the request is too long; the caller compacts
    Retryable                  exit code 75 when tries are used up; may carry the provider's wait
      RateLimited  Overloaded  ServerError  Timeout  ConnectionFailed (Unreachable)  StreamCut
"""

from dataclasses import dataclass
from typing import ClassVar

from letta_cli.core import exit_codes


class AgentError(Exception):
    """Base of all. ``code`` is stable for machines; ``exit_code`` is the process's."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = exit_codes.FAILED


class UsageError(AgentError):
    code = "usage"
    exit_code = exit_codes.USAGE


class ConfigError(AgentError):
    code = "config"


class NoModelConfigured(AgentError):
    code = "no_model"
    exit_code = exit_codes.USAGE


class StoreError(AgentError):
    code = "store"


class NotFound(StoreError):
    code = "not_found"


class Conflict(StoreError):
    """The caller worked on an old version.

    Attributes:
        current: the text as it is now.
        version: the version of `current`.
    """

    code = "conflict"

    def __init__(self, message: str, *, current: str = "", version: int = 0) -> None:
        super().__init__(message)
        self.current = current
        self.version = version


class LimitExceeded(StoreError):
    code = "limit"


class ReadOnly(StoreError):
    code = "read_only"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock or a lease. Information for people; never the lock itself."""

    pid: int
    host: str
    terminal: str
    """The controlling terminal such as ``/dev/pts/3``, or an empty string."""
    since: str
    """ISO 8601, UTC."""
    reason: str = ""
    here: bool = True
    """Whether `pid` is a process of this machine."""

    @property
    def where(self) -> str:
        """`` on TERMINAL at HOST``, to follow the pid in messages; each only where it helps."""
        terminal = f" on {self.terminal}" if self.terminal else ""
        return terminal if self.here else f"{terminal} at {self.host}"


class Busy(StoreError):
    """Another process holds what we need.

    Attributes:
        holder: who, when that could be read.
    """

    code = "busy"
    exit_code = exit_codes.TRY_LATER

    def __init__(self, message: str, *, holder: Holder | None = None) -> None:
        super().__init__(message)
        self.holder = holder


class LeaseLost(Busy):
    """A conversation passed to another session while the database was out of reach."""

    code = "lease_lost"


class DatabaseTooNew(StoreError):
    code = "database_too_new"


class DatabaseDamaged(StoreError):
    code = "database_damaged"


class DiskFull(StoreError):
    code = "disk_full"


class ProviderError(AgentError):
    """A model request failed.

    Attributes:
        status: the HTTP status, where there was one.
    """

    code = "provider"

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class AuthError(ProviderError):
    code = "authentication"


class ModelNotFound(ProviderError):
    code = "model_not_found"


class BadRequest(ProviderError):
    code = "bad_request"


class ContextOverflow(ProviderError):
    code = "context_overflow"


class Retryable(ProviderError):
    """Worth another try.

    Attributes:
        retry_after: seconds that the provider asks to wait, where it said so.
    """

    code = "retryable"
    exit_code = exit_codes.TRY_LATER

    def __init__(
        self, message: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, status=status)
        self.retry_after = retry_after


class RateLimited(Retryable):
    code = "rate_limited"


class Overloaded(Retryable):
    code = "overloaded"


class ServerError(Retryable):
    code = "server_error"


class Timeout(Retryable):
    code = "timeout"


class ConnectionFailed(Retryable):
    code = "connection"


class Unreachable(ConnectionFailed):
    """No connection came about: refused, no such name, no network, no trust in the other end."""

    code = "unreachable"


class StreamCut(Retryable):
    """The stream ended, or turned to garbage, before the message was complete."""

    code = "stream_cut"
