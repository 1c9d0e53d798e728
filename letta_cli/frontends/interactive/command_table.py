"""The list of all commands; a new one is one line here and one function beside its like."""

from letta_cli.frontends.interactive import context_commands as context
from letta_cli.frontends.interactive import conversation_commands as conversation
from letta_cli.frontends.interactive import learning_commands as learning
from letta_cli.frontends.interactive import memory_commands as memory
from letta_cli.frontends.interactive import rewind_command as rewind
from letta_cli.frontends.interactive import session_commands as session
from letta_cli.frontends.interactive.commands import Command

COMMANDS: tuple[Command, ...] = (
    Command("help", "", "commands and keys", session.show_help, in_run=True),
    Command("new", "", "a fresh conversation", conversation.new),
    Command("resume", "[words]", "open another conversation", conversation.resume),
    Command("sessions", "", "what is open where", conversation.sessions, in_run=True),
    Command("memory", "[label]", "shared memory, or one block", memory.show_memory, in_run=True),
    Command("remember", "TEXT", "store one thing in memory", memory.remember_words, in_run=True),
    Command("init", "[focus]", "learn this project into memory", memory.initialise),
    Command("search", "WORDS", "search all conversations", memory.search, in_run=True),
    Command("reflect", "[words]", "look back and edit memory", learning.reflect),
    Command("learn", "[words]", "a skill from this conversation", learning.learn_from_this),
    Command("model", "[handle]", "change the model", session.change_model),
    Command("compact", "[focus]", "summarise the older part", context.compact),
    Command("context", "", "what fills the window", context.show_context, in_run=True),
    Command("fork", "", "go on in a copy", conversation.fork),
    Command("rewind", "[turn]", "take files or words back", rewind.rewind),
    Command("rename", "TITLE", "name this conversation", conversation.rename, in_run=True),
    Command("mode", "[name]", "the permission mode", session.change_mode, in_run=True),
    Command("skills", "", "what can be invoked by name", session.show_skills, in_run=True),
    Command("clear", "", "a clear screen and a fresh conversation", conversation.clear),
    Command("exit", "", "leave; the conversation is kept", session.leave, True, ("quit", "q")),
)
