"""Copies of a conversation know of memory what stands in them, no more and hardly less."""

import json

import pytest

from letta_cli.core.memory import Origin


@pytest.mark.parametrize("change", ["edited", "created", "deleted"])
async def test_a_fork_from_before_a_notice_is_told_what_the_notice_said(stage, change):
    s = stage([{"text": "one"}, {"text": "two"}])
    blocks, owner = s.store.blocks, s.turn.agent.id
    person = Origin("person")
    blocks.create(owner, "plans", value="Sail to Oslo.", origin=person)
    await s.play("first")
    before = s.turn.thread.conversation.head
    if change == "edited":
        blocks.insert(blocks.find(owner, "human").id, "Called Ada.", origin=person)
    elif change == "created":
        blocks.create(owner, "crew", value="Called Ada.", origin=person)
    else:
        blocks.delete(blocks.find(owner, "plans").id, origin=person)
    await s.play("second")
    news = "Shared memory: block"
    assert news in json.dumps(s.requests()[-1])
    early = s.store.conversations.fork(s.turn.thread.conversation.id, upto_seq=before)
    late = s.store.conversations.fork(s.turn.thread.conversation.id)
    for fork, roles in ((early, ["user", "notice"]), (late, ["user"])):
        copy = stage([{"text": "three", "repeat": True}], store=s.store, conversation_id=fork.id)
        await copy.play("third")
        (request,) = copy.requests()
        assert json.dumps(request).count(news) == 1
        added = copy.store.messages.read(fork.id, start=fork.head + 1)
        assert [message.role for message in added] == [*roles, "assistant"]


async def test_news_of_a_command_name_the_conversation_it_was_given_in(stage):
    s = stage([{"text": "one"}, {"text": "two"}])
    blocks, here = s.store.blocks, s.turn.thread.conversation.id
    other = s.store.conversations.create(s.turn.agent.id, cwd="/x", project="/x", title="Boats")
    await s.play("first")
    human = blocks.find(s.turn.agent.id, "human")
    persona = blocks.find(s.turn.agent.id, "persona")
    blocks.insert(human.id, "Likes tea.", origin=Origin("person", note=f"/remember in {here}"))
    blocks.insert(persona.id, "Be brief.", origin=Origin("system", note=f"/init in {other.id}"))
    await s.play("second")
    (told,) = [each.text for each in s.store.messages.read(here) if each.role == "notice"]
    assert (
        'block "human" was changed by the person, with /remember in this conversation, at' in told
    )
    named = f'by this program, with /init in conversation "Boats" ({other.id}), at'
    assert f'block "persona" was changed {named}' in told
