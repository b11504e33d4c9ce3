"""What is searched: ranges of numbers and choices, read from Hydra's sweep syntax."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

from tunegrid.errors import ConfigError
from tunegrid.sweep.override_grid import Overrides, PointOverrides

Value = int | float | str
"""A number of a range, or a choice as the text of an override."""
Values = Mapping[str, Value]
"""A trial's values by config key."""

DIGITS = 4
"""Significant digits of a value that is no integer, more where its range is narrow."""
EDGE = 0.02
"""A value this share of the range's width from an end counts as at the edge."""


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from `low` to `high`, both included."""

    low: float
    high: float
    is_integer: bool
    is_log: bool
    step: float | None
    """None: every number in between."""

    def __str__(self) -> str:
        words = ["log"] * self.is_log + ["integer"] * self.is_integer
        words += [] if self.step is None else [f"step {self.step:g}"]
        return f"{self.low:g} … {self.high:g}{', ' * bool(words)}{' '.join(words)}"

    @property
    def edges(self) -> tuple[Value, ...]:
        """Both ends."""
        return self.low, self.high

    def rounded(self, value: Value) -> Value:
        """A suggestion as it is used: short enough to be typed, long enough to tell it from its neighbours."""
        if self.is_integer:
            return int(value)
        largest = max(abs(self.low), abs(self.high))
        digits = DIGITS + math.floor(math.log10(largest / (self.step or self.high - self.low)))
        return min(max(float(f"{float(value):.{max(digits, DIGITS)}g}"), self.low), self.high)

    def end_at(self, value: Value) -> str | None:
        """`lower` or `upper` where the value lies at that end, or as good as at it."""
        low, high, own = (math.log(float(v)) if self.is_log else float(v) for v in (self.low, self.high, value))
        margin = 0.0 if self.is_integer or self.step is not None else EDGE * (high - low)
        if own <= low + margin:
            return "lower"
        return "upper" if own >= high - margin else None


@dataclass(frozen=True, slots=True)
class Choice:
    """Some values, each the text of an override."""

    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"one of {', '.join(self.values)}"

    @property
    def edges(self) -> tuple[Value, ...]:
        """All of them."""
        return self.values

    def rounded(self, value: Value) -> Value:
        """A suggestion as it is used: as it is."""
        return value

    def end_at(self, value: Value) -> str | None:
        """`lower` or `upper` where the choices are three numbers or more and the value is the first or last."""
        try:
            numbers = sorted(float(text) for text in self.values)
        except ValueError:
            return None
        if len(numbers) < 3 or float(value) not in (numbers[0], numbers[-1]):
            return None
        return "lower" if float(value) == numbers[0] else "upper"


Dimension = Range | Choice


@dataclass(frozen=True, slots=True)
class Space:
    """Everything a search varies, and what it leaves fixed."""

    fixed: Overrides
    dimensions: Mapping[str, Dimension]
    """By config key, as an override spells it."""

    def overrides(self, values: Values) -> PointOverrides:
        """What composes the cell of some values. A key with a dot changes a value; one without may name an option."""
        whole = tuple(f"{key}={value}" for key, value in values.items() if not _is_value(key))
        return PointOverrides(
            (*self.fixed, *whole), tuple(f"{key}={value}" for key, value in values.items() if _is_value(key))
        )

    def corners(self) -> list[Values]:
        """Few points that take every dimension to each of its ends, and to each of its choices."""
        longest = max(len(dimension.edges) for dimension in self.dimensions.values())
        return [
            {key: dimension.edges[min(i, len(dimension.edges) - 1)] for key, dimension in self.dimensions.items()}
            for i in range(longest)
        ]


def read_space(loader: ConfigLoader, parameters: Mapping[str, str], arguments: Sequence[str]) -> Space:
    """The space of a search; `arguments` (the command line) win over `parameters` (the experiment's).

    Raises `ConfigError` where nothing varies or a range cannot be searched.
    """
    lines = [*(f"{key}={value}" for key, value in parameters.items()), *arguments]
    parsed = OverridesParser.create(config_loader=loader).parse_overrides(lines)
    last = {override.get_key_element(): override for override in parsed}
    dimensions = {key: _dimension(key, override) for key, override in last.items() if override.is_sweep_override()}
    if not dimensions:
        raise ConfigError(
            "hydra.sweeper.params has no range to search; give one, for example "
            'objective.learning_rate: "tag(log, interval(1e-5,1e-2))"'
        )
    fixed = tuple(str(override.input_line) for override in last.values() if not override.is_sweep_override())
    return Space(fixed, dimensions)


def spelled(values: Values) -> str:
    """Values as on a command line."""
    return " ".join(f"{key}={value}" for key, value in values.items())


def _dimension(key: str, override: Override) -> Dimension:
    value = override.value()
    tags: set[str] = getattr(value, "tags", set())
    if getattr(value, "shuffle", False):
        raise ConfigError(f"{key}: shuffle means nothing in a search; leave it out")
    if tags - {"log"} or (tags and not isinstance(value, IntervalSweep)):
        raise ConfigError(f"{key}: a search knows one tag, log, of an interval; got {override.input_line}")
    if isinstance(value, IntervalSweep):
        return _interval(key, value)
    if isinstance(value, RangeSweep):
        return _range(key, value)
    return Choice(tuple(override.sweep_string_iterator()))


def _interval(key: str, sweep: IntervalSweep) -> Range:
    assert sweep.start is not None and sweep.end is not None
    is_log = "log" in sweep.tags
    if not sweep.start < sweep.end:
        raise ConfigError(f"{key}: interval({sweep.start:g},{sweep.end:g}) is empty; give the lower end first")
    if is_log and sweep.start <= 0:
        raise ConfigError(f"{key}: a log interval must begin above 0, got {sweep.start:g}")
    return Range(sweep.start, sweep.end, isinstance(sweep.start, int), is_log, None)


def _range(key: str, sweep: RangeSweep) -> Range:
    numbers = sorted(sweep.range())
    if len(numbers) < 2:
        raise ConfigError(f"{key}: range({sweep.start},{sweep.stop},{sweep.step}) has no two values to choose from")
    is_integer = all(isinstance(number, int) for number in numbers)
    return Range(numbers[0], numbers[-1], is_integer, False, abs(float(sweep.step)))


def _is_value(key: str) -> bool:
    return "." in key and key[0] not in "+~" and "@" not in key
