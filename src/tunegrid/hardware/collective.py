"""What the ranks of a pack tell each other. One process alone says nothing. Imports torch."""

import multiprocessing
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from tunegrid.hardware.place import Place, here

POLL_S = 0.02

BUCKET = 2**24
"""Gradients summed at once, in numbers: 64 MiB of float32."""


@contextmanager
def connected(device: torch.device) -> Iterator[None]:
    """Let this process and its company talk inside the block; for one alone, nothing happens."""
    place = here()
    if place.meeting is None:
        yield
        return
    _await_company(place, place.meeting)
    dist.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        init_method=f"file://{place.meeting / 'store'}",
        rank=place.rank,
        world_size=place.count,
        device_id=device if device.type == "cuda" else None,
    )
    try:
        yield
    except BaseException:
        if place.rank > 0:
            raise  # it will be noticed by the end of this process, which has to say why before
        place.over.touch()
        dist.destroy_process_group()
        raise
    dist.destroy_process_group()


def _await_company(place: Place, meeting: Path) -> None:
    """Wait until every rank is here. Rank 0 does so where a signal or the end of another still reaches it."""
    (meeting / f"rank_{place.rank}").touch()
    while place.rank == 0 and len(list(meeting.glob("rank_*"))) < place.count:
        if len(multiprocessing.active_children()) < place.count - 1:
            raise RuntimeError("another rank ended before training began")
        time.sleep(POLL_S)


def sum_over_ranks(values: Tensor) -> Tensor:
    """`values` summed over all ranks, in place."""
    if dist.is_initialized():
        dist.all_reduce(values)
    return values


def whole(tensor: Tensor) -> Tensor:
    """The tensor itself, or all of one that is divided over the ranks, which all have to ask for it."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def whole_on_first(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies in main memory of whole tensors, for rank 0; the others have to ask for them too, and get none."""
    copies = {}
    for name, tensor in tensors.items():
        full = whole(tensor.detach())
        if here().rank == 0:
            copies[name] = full.contiguous().cpu()
    return copies


def divided_as(like: Tensor, tensor: Tensor) -> Tensor:
    """A whole tensor on the device of `like`, or this rank's part of it where `like` is divided."""
    moved = tensor.to(like.device)
    if not isinstance(like, DTensor):
        return moved
    return distribute_tensor(moved, like.device_mesh, like.placements, src_data_rank=None)


def sum_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Sum the gradient of each parameter over all ranks; one that is used by none keeps None.

    A rank may have no gradient where others have one: its share of a step's rows may be empty. Gradients of parameters
    that are divided over the ranks are sums already.
    """
    parameters = [parameter for parameter in parameters if not isinstance(parameter, DTensor)]
    if not dist.is_initialized() or not parameters:
        return
    used = sum_over_ranks(torch.tensor([float(p.grad is not None) for p in parameters], device=parameters[0].device))
    for bucket in _buckets([p for p, ranks in zip(parameters, used.tolist(), strict=True) if ranks]):
        whole = sum_over_ranks(
            torch.cat([torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten() for p in bucket])
        )
        for parameter, part in zip(bucket, whole.split([p.numel() for p in bucket]), strict=True):
            parameter.grad = part.view_as(parameter)


def _buckets(parameters: Sequence[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    bucket: list[nn.Parameter] = []
    room = BUCKET
    for parameter in parameters:
        if bucket and parameter.numel() > room:
            yield bucket
            bucket, room = [], BUCKET
        bucket.append(parameter)
        room -= parameter.numel()
    if bucket:
        yield bucket
