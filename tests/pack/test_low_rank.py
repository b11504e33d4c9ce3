import torch

from tunegrid.pack.low_rank import LowRank, low_rank_update


def test_two_adapters_equal_autograd_of_the_plain_formula() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 10, 6, dtype=torch.float64, requires_grad=True)
    base = torch.randn(1, 10, 5, dtype=torch.float64, requires_grad=True)
    shapes = [(2, 6), (5, 2), (3, 6), (5, 3)]  # A and B of rank 2, A and B of rank 3
    weights = [torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    keep = (torch.rand(4, 6) > 0.3).double() / 0.7
    a1, b1, a2, b2 = weights
    low = torch.cat([0.5 * (x[0, :4] * keep) @ a1.T @ b1.T, 2.0 * x[0, 4:9] @ a2.T @ b2.T, torch.zeros(1, 5)])
    upstream = torch.randn(1, 10, 5, dtype=torch.float64)
    wanted = torch.autograd.grad(base + low, [base, x, *weights], upstream)

    parts = [LowRank(0, 4, 0.5, keep), LowRank(4, 9, 2.0, None)]  # the last row belongs to nobody
    out = low_rank_update(base * 1, x, parts, weights)
    got = torch.autograd.grad(out, [base, x, *weights], upstream)

    torch.testing.assert_close(out, base + low)
    for ours, theirs in zip(got, wanted, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_no_adapter_leaves_the_output_alone() -> None:
    out = torch.ones(2, 3)
    assert low_rank_update(out, torch.ones(2, 4), [], []) is out
