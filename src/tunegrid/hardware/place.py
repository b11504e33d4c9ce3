"""Where this process stands among those that train a pack together."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """A process and its company."""

    rank: int
    """0 is the first, which alone writes anything down."""
    count: int
    meeting: Path | None
    """A folder for this company only, where they find each other and say how they ended. None: no company."""

    @property
    def failure(self) -> Path:
        """What this process failed of, in words."""
        assert self.meeting is not None
        return self.meeting / f"failure_of_{self.rank}"

    @property
    def over(self) -> Path:
        """Exists once rank 0 has left with an error or a signal: what fails afterwards is its doing."""
        assert self.meeting is not None
        return self.meeting / "over"


ALONE = Place(rank=0, count=1, meeting=None)


class _State:
    place = ALONE


def here() -> Place:
    """The place of this process."""
    return _State.place


def take(place: Place) -> None:
    """Make `place` that of this process."""
    _State.place = place
