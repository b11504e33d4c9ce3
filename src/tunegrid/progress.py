"""What a running pack shows on the terminal."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

Report = Callable[[int, int, str], None]
"""Called with what is done, the total, and a few words."""


class Progress:
    """One line for each stage of a pack, on stderr: stdout is for tables."""

    def __init__(self, titles: Sequence[str]):
        self.console = Console(stderr=True)
        shown = ", ".join(titles) if len(titles) <= 4 else f"{', '.join(titles[:3])} and {len(titles) - 3} more"
        self.title = shown
        self.bars = Bars(
            TextColumn("{task.description:<11}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=self.console,
            disable=not sys.stderr.isatty(),
        )

    def __enter__(self) -> "Progress":
        self.console.print(f"[bold]{self.title}[/bold]", highlight=False)
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    @contextmanager
    def stage(self, name: str) -> Iterator[Report]:
        """Show a stage while the `with` block runs; the block reports how far it is."""
        task = self.bars.add_task(name, total=None, note="")

        def report(done: int, total: int, note: str) -> None:
            self.bars.update(task, completed=done, total=total, **({"note": note} if note else {}))

        yield report
        done = self.bars.tasks[task]
        self.bars.update(task, total=done.total or 1, completed=done.total or 1)
        if self.bars.disable:
            self.console.print(f"{name}: done in {done.finished_time or done.elapsed or 0:.0f} s", highlight=False)
