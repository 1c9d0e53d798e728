"""What a confined command may have beyond its confinement: asked for by name, granted by name.

A need is written ``network``, ``network:HOST``, ``git``, ``write:/PATH``, ``read:/PATH`` or
``unconfined``. The same words stand in rules: ``Sandbox(network:pypi.org)``.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

NeedKind = Literal["network", "host", "git", "write", "read", "unconfined"]

RULE_TOOL = "Sandbox"
"""The name that rules about needs begin with. No tool has it."""

_ALONE: Mapping[str, NeedKind] = {"network": "network", "git": "git", "unconfined": "unconfined"}
_WITH: Mapping[str, NeedKind] = {"network": "host", "write": "write", "read": "read"}
_HOST = re.compile(r"((\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(:\d{1,5})?")
_FORMS = "network, network:HOST, git, write:/PATH, read:/PATH or unconfined"


@dataclass(frozen=True, slots=True)
class Need:
    """One thing. `target` is a host with or without a port, or a path; empty for the others."""

    kind: NeedKind
    target: str = ""

    @property
    def text(self) -> str:
        """As the model and rules write it."""
        name = "network" if self.kind == "host" else self.kind
        return f"{name}:{self.target}" if self.target else name

    @property
    def rule(self) -> str:
        """The rule that allows exactly this."""
        return f"{RULE_TOOL}({self.text})"

    @property
    def words(self) -> str:
        """As a person reads it, after "asks for"."""
        match self.kind:
            case "network":
                return "the whole network"
            case "host":
                return f"the network, to reach {self.target}"
            case "git":
                return "changes to the repository (.git)"
            case "write":
                return f"changes in {self.target}"
            case "read":
                return f"a look into {self.target}"
            case "unconfined":
                return "no sandbox at all"


def need_from_text(text: str) -> Need:
    """Read one need.

    Raises:
        ValueError: it has none of the forms; the text says which there are.
    """
    name, colon, target = text.strip().partition(":")
    if not colon and name in _ALONE:
        return Need(_ALONE[name])
    kind = _WITH.get(name) if colon else None
    target = target.strip()
    if kind == "host":
        return Need("host", checked_host(target))
    rooted = target == "~" or target.startswith(("/", "~/"))
    if kind is None or not rooted or not target.isprintable():
        raise ValueError(f"{text!r} is no need: write {_FORMS}")
    return Need(kind, target.rstrip("/") or "/")


def checked_host(text: str) -> str:
    """A host such as ``pypi.org``, ``*.example.com`` or ``127.0.0.1:8080``, in lower case.

    Raises:
        ValueError: it is none.
    """
    host = text.strip().lower().rstrip(".")
    if not _HOST.fullmatch(host) or ".." in host:
        raise ValueError(
            f"{text!r} is no host: write pypi.org, *.example.com or a host with a port, host:8080"
        )
    return host


def needs_of(arguments: Mapping[str, Any]) -> tuple[Need, ...]:
    """The needs that a call of Bash names, each once.

    Raises:
        ValueError: one is not understood, or names more than one host.
    """
    texts = cast("list[Any]", arguments.get("needs") or [])
    needs = tuple(dict.fromkeys(need_from_text(str(text)) for text in texts))
    for need in needs:
        if need.kind == "host" and need.target.startswith("*"):
            raise ValueError(f"{need.text!r} names many hosts: name the one that is needed")
    return needs


def in_words(needs: Iterable[Need]) -> str:
    """``the network, to reach pypi.org; changes to the repository (.git)``."""
    return "; ".join(need.words for need in needs)


@dataclass(frozen=True, slots=True)
class Boundary:
    """What confines the commands of a session, as far as a decision needs it.

    Attributes:
        granted: what every command has by the person's settings.
        unasked: a command that has no more than that runs without a question, if no rule says no.
    """

    granted: tuple[Need, ...] = ()
    unasked: bool = False

    def beyond(self, needs: Iterable[Need]) -> tuple[Need, ...]:
        """Those of `needs` that the settings do not grant already."""
        whole = any(need.kind == "network" for need in self.granted)
        return tuple(
            need
            for need in needs
            if need not in self.granted and not (whole and need.kind == "host")
        )


def host_fits(pattern: str, host: str, port: int) -> bool:
    """Whether `pattern` covers a host at a port; without a port it means those of the web.

    ``*.example.com`` covers all below example.com, and not example.com itself.
    """
    name, named_port = split_port(pattern)
    if port != named_port and not (named_port is None and port in (80, 443)):
        return False
    if name.startswith("*."):
        return host.endswith(name[1:]) and len(host) > len(name) - 1
    return host == name


def split_port(host: str) -> tuple[str, int | None]:
    """Host and port of ``host:8080`` or ``[::1]:8080``; brackets are taken off."""
    name, colon, port = host.rpartition(":")
    if colon and port.isdigit() and not (":" in name and not name.endswith("]")):
        return name.strip("[]"), int(port)
    return host.strip("[]"), None
