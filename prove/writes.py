"""Writes: what clients asked for, put together from the calls by which they asked."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from prove.history import WRITES, Call, Kind, Outcome


@dataclass(frozen=True)
class Write:
    """What happened at most once: a call, or all calls with the same key."""

    calls: tuple[Call, ...]

    @property
    def first(self) -> Call:
        """Return the first of the calls."""
        return self.calls[0]

    @property
    def kind(self) -> Kind:
        """Return what was asked for."""
        return self.first.kind

    @property
    def began(self) -> float:
        """Return from when on it may have happened."""
        return self.first.began

    @property
    def acknowledged(self) -> float:
        """Return when it was first known to have happened, or infinity."""
        return min((call.ended for call in self.calls if call.outcome == "ok"), default=math.inf)

    @property
    def outcome(self) -> Outcome:
        """Return what is known of it: refused only if each call was."""
        outcomes = {call.outcome for call in self.calls}
        if "ok" in outcomes:
            return "ok"
        return "unknown" if "unknown" in outcomes else "refused"

    @property
    def ids(self) -> set[int]:
        """Return the ids that its answers name."""
        return {id_ for call in self.calls for id_ in call.ids}

    @property
    def changes(self) -> int:
        """Return by how much it raises the chat's revision."""
        return len(self.first.texts) if self.kind == "send" else 1

    def __str__(self) -> str:
        """Return what to show of it."""
        return "\n".join(map(shown, self.calls))


def writes_of(calls: Iterable[Call]) -> list[Write]:
    """Return the writes that calls ask for.

    One that names a key of another is refused for it, and is a write of its own.
    """
    together: defaultdict[object, list[Call]] = defaultdict(list)
    for number, call in enumerate(calls):
        if call.kind in WRITES:
            name = (call.kind, call.chat, call.key, call.texts) if call.key else number
            together[name].append(call)
    return [Write(tuple(sorted(group, key=lambda call: call.began))) for group in together.values()]


def shown(call: Call) -> str:
    """Return a line that says what a call did, and when."""
    words = [f"{call.began:.4f}–{call.ended:.4f}", call.client, call.kind, f"chat {call.chat}"]
    words += [f"message {call.message}"] if call.message else []
    words += [f"key {call.key}"] if call.key else []
    words += [repr(text[:40]) for text in call.texts]
    words += ["→", str(call.status or "no answer"), call.problem]
    words += [f"ids {', '.join(map(str, call.ids))}"] if call.ids else []
    words += [] if call.revision is None else [f"revision {call.revision}"]
    return " ".join(word for word in words if word)
