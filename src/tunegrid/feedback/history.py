"""What a session's journal says: which events stand, which step learned from which, where the policy is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tunegrid.reward.event import Event, event_of
from tunegrid.reward.ledger import Ledger

STEP, BACK, WITHDRAWN, REFUSED = "step", "back", "withdrawn", "refused"
"""Keys of the lines that are no events."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: a function of the step before it, these events, and the seed."""

    number: int
    """From 1, in the order in which they were begun."""
    parent: int
    """The step that it goes on from; 0 is the cell as it was."""
    new: tuple[Event, ...]
    old: tuple[Event, ...]
    """What the steps before it learned from and still stands."""

    def record(self) -> dict[str, Any]:
        """As the journal has it; what stands is in the lines before."""
        return {STEP: self.number, "parent": self.parent, "learned": [event.id for event in self.new]}


@dataclass(slots=True)
class History:
    """Follows a journal, line after line."""

    ledger: Ledger
    pending: dict[str, None] = field(default_factory=dict)
    """Ids of events that stand and that no step has learned from."""
    refused: set[str] = field(default_factory=set)
    """Ids of events that contradicted one that stood."""
    learned: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """Ids that each step learned from."""
    parents: dict[int, int] = field(default_factory=dict)
    at: int = 0
    """The step at which the policy is, or will be when it is done."""
    last: Step | None = None
    """The step begun last, unless the journal went back since."""

    def follow(self, line: Mapping[str, Any]) -> None:
        """Take in a line that an earlier `follow` would have accepted."""
        if STEP in line:
            self._begin(self.step(tuple(line["learned"])))
        elif BACK in line:
            self.at, self.last = line[BACK], None
        elif WITHDRAWN in line:
            self.ledger.withdraw(line[WITHDRAWN])
            self.pending.pop(line[WITHDRAWN], None)
            self.refused.add(line[REFUSED])
        else:
            event = event_of(line)
            self.ledger.add(event)
            self.pending[event.id] = None

    def step(self, identifiers: tuple[str, ...]) -> Step:
        """The step that would learn from some pending events now."""
        events, standing = self.ledger.events, self.ledger.standing
        old = tuple(events[one] for number in self._way() for one in self.learned[number] if one in standing)
        return Step(len(self.learned) + 1, self.at, tuple(events[one] for one in identifiers), old)

    def _begin(self, step: Step) -> None:
        self.learned[step.number] = tuple(event.id for event in step.new)
        self.parents[step.number] = step.parent
        for event in step.new:
            del self.pending[event.id]
        self.at, self.last = step.number, step

    def _way(self) -> Iterator[int]:
        """The steps that lead to where the policy is, the first one first."""
        way, number = [], self.at
        while number:
            way.append(number)
            number = self.parents[number]
        return reversed(way)
