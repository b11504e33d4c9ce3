"""A rollout holds the logits of one position, however many tokens there are to draw."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
RESPONSES, TOKENS, AT_ONCE = 64, 48, 4
MEASURED = """
import json, resource, sys
import torch
from tiny_models import lora
from transformers import GPT2Config, GPT2LMHeadModel
from tunegrid.model.split_attention import split
from tunegrid.objective.rollout import Drawing, roll_out
from tunegrid.pack.pack import Member, Pack

vocabulary, responses, tokens, at_once = map(int, sys.argv[1:])
torch.set_num_threads(1)
sizes = {"n_positions": 64, "n_embd": 16, "n_layer": 1, "n_head": 2}
config = GPT2Config(vocab_size=vocabulary, bos_token_id=1, eos_token_id=2, **sizes)
pack = Pack(split(GPT2LMHeadModel(config)), [Member("cell", lora(2), 0)], 0)
prompts, drawing = [torch.tensor([5, 6])] * responses, Drawing(tokens, 1.0, (2,), 0)

def rolled(count):
    roll_out(pack, "cell", prompts[:count], drawing, torch.rand(count, tokens), at_once)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

print(json.dumps([rolled(at_once), rolled(responses)]))
"""


def growth(vocabulary: int) -> int:
    """Bytes by which the peak grows from one batch of responses to all of them."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, (vocabulary, RESPONSES, TOKENS, AT_ONCE))],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=True,
    )
    one, whole = json.loads(done.stdout)
    return int(whole - one)


@pytest.mark.slow
def test_logits_of_a_whole_rollout_are_never_held() -> None:
    logits = 4 * 50_000 * RESPONSES * TOKENS
    assert growth(50_000) < growth(1_000) + 0.05 * logits
