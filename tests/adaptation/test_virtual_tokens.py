"""Cells of every method with virtual tokens train in one pack as they do alone."""

from pathlib import Path

import pytest
from adaptation.virtual_packs import BASE, multitask, p_tuning, prefix, prompt
from tiny_models import lora
from tiny_training import members, sft, train

from tunegrid.method.p_tuning import Reparametrisation

METHODS = [
    lora(4, dropout=0.1, targets=("key", "value")),
    prompt(5),
    prefix(4),
    BASE,
    prefix(2, mlp=True, hidden=8),
    p_tuning(3, Reparametrisation.lstm, hidden=8),
    multitask(6),
]


def test_a_mixed_pack_trains_as_its_cells_alone(tmp_path: Path) -> None:
    of, objective = members(*METHODS), sft(steps=4, validate_every=2)
    together = train(of, [objective] * len(of), tmp_path / "together")
    for place, member in enumerate(of):
        alone = train([member], [objective], tmp_path / member.name)
        for column in ("loss", "val_loss"):
            wanted = alone.journals[0].column(column)
            assert together.journals[place].column(column) == pytest.approx(wanted, abs=1e-5), member.name
