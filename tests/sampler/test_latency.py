from shipped import method_of
from tiny_models import llama, lora, t5
from tiny_training import members

from tunegrid.pack.pack import Pack
from tunegrid.sampler.latency import Latencies, latencies


def test_every_member_and_the_base_are_timed() -> None:
    of = members(lora(4), method_of("prompt_tuning"), method_of("base"))
    found = latencies(Pack(llama(), of, 0), 4)
    assert found.base is not None and found.base > 0
    assert set(found.own) == {member.name for member in of}
    assert all(0 < seconds < 60 for seconds in found.own.values())


def test_an_encoder_decoder_is_timed_too() -> None:
    assert latencies(Pack(t5(), members(lora(2)), 0), 2).base is not None


def test_nothing_is_timed_unasked() -> None:
    assert latencies(Pack(llama(), members(lora(2)), 0), None) == Latencies()
