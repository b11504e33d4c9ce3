"""Signs that a policy's training has gone wrong. Imports no torch."""

from collections.abc import Mapping, MutableMapping

from tunegrid.objective.ppo import Alarm

NEGATIVE_KL = -0.05
"""Nats a token; below it for `UPDATES` updates, the responses do not come from the policy that is measured."""
UPDATES = 3
LARGEST_RATIO = 10.0
LEAST_ENTROPY = 0.1
"""As a share of the first update's."""
LARGEST_VALUE = 10.0
"""Mean size of the values, as a multiple of the largest return so far (of 1, where that is less)."""
LONGEST = 2.0
"""Mean length of the responses, as a multiple of the first update's, while the reward is higher than then."""
FARTHEST = 5.0
"""KL, as a multiple of its target."""


def raised(row: Mapping[str, float], past: MutableMapping[str, float], kl_target: float | None) -> list[Alarm]:
    """The alarms of an update that logged `row`.

    `past` is what alarms compare with; it is empty before the first update and kept between updates.
    """
    for name in ("entropy", "length", "reward"):
        past.setdefault(f"first_{name}", row[name])
    below = row["kl"] < NEGATIVE_KL * row["length"]
    past["negative_kl"] = past.get("negative_kl", 0) + 1 if below else 0
    past["largest_return"] = max(past.get("largest_return", 1.0), row["return_size"])
    signs = {
        Alarm.negative_kl: past["negative_kl"] >= UPDATES,
        Alarm.kl: kl_target is not None and row["kl"] > FARTHEST * kl_target,
        Alarm.ratio: row["largest_ratio"] > LARGEST_RATIO,
        Alarm.entropy: row["entropy"] < LEAST_ENTROPY * past["first_entropy"],
        Alarm.value: row["value_size"] > LARGEST_VALUE * past["largest_return"],
        Alarm.length: row["reward"] > past["first_reward"] and row["length"] > LONGEST * past["first_length"],
    }
    return [alarm for alarm, sign in signs.items() if sign]
