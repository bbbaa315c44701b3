"""Faults that are planted into what a run found, to see that the checker finds them."""

from collections.abc import Callable

from prove.history import History
from prove.worlds import World

Plant = Callable[[World, History], None]


def plant_loss(world: World, history: History) -> None:
    """Have the table lose a message that was acknowledged."""
    _execute(world, "DELETE FROM message WHERE id = (SELECT max(id) FROM message)")


def plant_twice(world: World, history: History) -> None:
    """Have the table hold a message a second time, as a send that was done twice would leave it."""
    _execute(
        world,
        "INSERT INTO message (chat_id, text, revision) SELECT chat_id, text, revision + 1"
        " FROM message WHERE id = (SELECT max(id) FROM message)",
    )
    _execute(
        world,
        "UPDATE chat SET revision = revision + 1"
        " WHERE id = (SELECT chat_id FROM message ORDER BY id DESC LIMIT 1)",
    )


def plant_reorder(world: World, history: History) -> None:
    """Have the table hold two messages of a chat in another order than readers were told."""
    _execute(
        world,
        "WITH pair AS (SELECT chat_id, min(revision) AS low, max(revision) AS high FROM"
        " (SELECT chat_id, revision FROM message WHERE chat_id = (SELECT min(id) FROM chat)"
        " ORDER BY revision DESC LIMIT 2) AS last GROUP BY chat_id)"
        " UPDATE message SET revision = low + high - revision FROM pair"
        " WHERE message.chat_id = pair.chat_id AND revision IN (low, high)",
    )


def plant_stale(world: World, history: History) -> None:
    """Have a read at the end show what the chat was half-way."""
    reads = [call for call in history.calls if call.kind == "read" and call.revision]
    old = reads[len(reads) // 2]
    last = max(number for number, call in enumerate(history.calls) if call.chat == old.chat)
    began, ended = history.calls[last].ended + 0.001, history.calls[last].ended + 0.002
    history.calls.append(old._replace(began=began, ended=ended))


def plant_gap(world: World, history: History) -> None:
    """Have one reader never be told the last change of a chat but one."""
    changes = [told for told in history.told if told.kind == "change"]
    of_reader = [
        told for told in changes if told[0] == changes[-1][0] and told[3] == changes[-1][3]
    ]
    history.told.remove(of_reader[-2])


def _execute(world: World, statement: str) -> None:
    world.postgres.execute(statement, world.database)


PLANTS: dict[str, Plant] = {
    "loss": plant_loss,
    "twice": plant_twice,
    "reorder": plant_reorder,
    "stale": plant_stale,
    "gap": plant_gap,
}
