import pytest
import torch
from transformers import (
    get_constant_schedule_with_warmup,
    get_cosine_schedule_with_warmup,
    get_linear_schedule_with_warmup,
)

from tunegrid.objective.learning_rate import rate_factor
from tunegrid.objective.sft import Schedule

THEIRS = {
    Schedule.constant: lambda optimizer, warmup, steps: get_constant_schedule_with_warmup(optimizer, warmup),
    Schedule.linear: get_linear_schedule_with_warmup,
    Schedule.cosine: get_cosine_schedule_with_warmup,
}


@pytest.mark.parametrize("schedule", Schedule)
@pytest.mark.parametrize(("warmup", "steps"), [(0, 7), (3, 10), (10, 10)])
def test_equals_transformers(schedule: Schedule, warmup: int, steps: int) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = THEIRS[schedule](optimizer, warmup, steps)
    for step in range(steps):
        assert rate_factor(step, steps, warmup, schedule) == pytest.approx(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()
