"""Which events stand: each id once, and no two that say the opposite of one response."""

from dataclasses import dataclass, field

from tunegrid.errors import UserError
from tunegrid.reward.event import Event, Key, Said, Worths


class RefusedError(UserError):
    """An event that does not count, and why: `id …: problem; way out`."""


class ContradictionError(RefusedError):
    """An event that says the opposite of one that stands."""

    def __init__(self, event: Event, other: str):
        super().__init__(f"id {event.id!r}: contradicts {other!r} on the same response; keep one")
        self.other = other


@dataclass(slots=True)
class Ledger:
    """Takes events in, one after another."""

    worths: Worths
    events: dict[str, Event] = field(default_factory=dict)
    """All that were taken in, by id, also those that no longer stand."""
    standing: dict[str, None] = field(default_factory=dict)
    """Ids, in the order of arrival."""
    _said: dict[Key, list[tuple[str, Said]]] = field(default_factory=dict)

    def check(self, event: Event) -> None:
        """Raise `RefusedError` where an event's id is taken or it contradicts one that stands."""
        if event.id in self.events:
            raise RefusedError(f"id {event.id!r}: is taken by an earlier event; give each an id of its own")
        for said in event.said(self.worths):
            for other, before in reversed(self._said.get(said.key, [])):
                if before.good is not said.good:
                    raise ContradictionError(event, other)

    def add(self, event: Event) -> None:
        """Take an event in. Raises as `check` does."""
        self.check(event)
        self.events[event.id] = event
        self.standing[event.id] = None
        for said in event.said(self.worths):
            self._said.setdefault(said.key, []).append((event.id, said))

    def withdraw(self, identifier: str) -> None:
        """Let an event stand no longer."""
        del self.standing[identifier]
        for said in self.events[identifier].said(self.worths):
            self._said[said.key].remove((identifier, said))

    def worth(self, key: Key) -> float | None:
        """The mean of what was said of a response; None where nothing stands."""
        found = [said.worth for _, said in self._said.get(key, [])]
        return sum(found) / len(found) if found else None
