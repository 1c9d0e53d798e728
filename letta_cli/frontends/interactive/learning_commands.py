"""Commands with which the agent looks back: reflect on all conversations, learn from this one."""

from rich.text import Text

from letta_cli.agent.drafts import accept, diff_of, drop, effect_of, root_of, warning_of
from letta_cli.agent.learning import Lesson, learn
from letta_cli.agent.reflection import Wish
from letta_cli.agent.reflection import reflect as reflect_on
from letta_cli.agent.reflection_news import SHORT_ID, changed_text
from letta_cli.core.counting import plural
from letta_cli.frontends.interactive.commands import Host
from letta_cli.frontends.interactive.paint import Hanging
from letta_cli.frontends.interactive.picker import Item
from letta_cli.frontends.sanitize import sanitize


async def reflect(host: Host, argument: str) -> None:
    """Read what is unread in all conversations and edit memory, before the person's eyes."""
    store, wish = host.session.store, Wish("person", argument)
    await host.play(host.session.aside(lambda bench: reflect_on(bench, wish)))
    for each in wish.done:
        store.reflections.told(each.id)
        changed = changed_text(store, each)
        read = f"reflected on {plural(each.messages, 'message')}, changed {changed}"
        undo = f"; agent reflect undo {each.id[:SHORT_ID]} takes it back"
        host.quiet(read + (undo if changed != "nothing" else ""))
    agent_id = host.session.agent.id
    failed = store.reflections.unfinished(agent_id)
    if failed is not None and not store.reflections.is_going_on(agent_id):
        store.reflections.told(failed.id)
        host.complain(f"The reflection did not end: {failed.error} /reflect goes on with it.")
    elif not wish.done and not store.reflections.unread(agent_id):
        host.quiet("nothing to reflect on: all conversations were read")


async def learn_from_this(host: Host, argument: str) -> None:
    """A draft of a skill from this conversation; the person decides on it at once."""
    session = host.session
    lesson = Lesson(session.store.conversations.get(session.conversation.id), about=argument)
    await host.play(session.aside(lambda bench: learn(bench, lesson)))
    draft = lesson.draft
    if draft is None:
        if lesson.problem:
            host.complain(f"No draft came of it: {lesson.problem}")
        return
    own = root_of(host.config, project=False)
    host.show(Hanging(Text(sanitize(diff_of(draft, own), whole=True)), "  "))
    if draft.untrusted:
        host.complain(warning_of(draft))
    choice = await host.choose(
        f"Make {draft.name} a skill?",
        [
            Item("own", "yes", "in ~/.agent/skills, for all projects"),
            Item("project", "yes, for this project", "in its .agents/skills"),
            Item("keep", "later", "it stays a draft: agent learn list"),
            Item("drop", "no", "drop it"),
        ],
    )
    match choice:
        case "own" | "project":
            path = accept(
                session.store, draft, host.config, project=choice == "project", reviewed=True
            )
            if untrusted := effect_of(host.config, path):
                host.complain(untrusted)
            else:
                host.quiet(f"{draft.name} is a skill now: {path}; open conversations hear of it")
        case "drop":
            drop(session.store, draft)
            host.quiet(f"dropped {draft.name}")
        case _:
            flag = " --reviewed" if draft.untrusted else ""
            host.quiet(f"kept as a draft: agent learn accept {draft.name}{flag}")
