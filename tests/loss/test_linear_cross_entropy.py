import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from tunegrid.loss import linear_cross_entropy as module
from tunegrid.loss.linear_cross_entropy import linear_cross_entropy


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("with_bias", [False, True])
def test_equals_torch_with_its_gradients(smoothing: float, with_bias: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 5)  # several chunks, the last one short
    torch.manual_seed(0)
    inputs = [torch.randn(17, 8, dtype=torch.float64), torch.randn(30, 8, dtype=torch.float64)]
    bias = torch.randn(30, dtype=torch.float64).requires_grad_() if with_bias else None
    hidden, head = (t.requires_grad_() for t in inputs)
    labels, weights = torch.randint(0, 30, (17,)), torch.rand(17, dtype=torch.float64)
    logits = F.linear(hidden, head, bias)
    expected = weights @ F.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)
    variables = [hidden, head] + ([bias] if bias is not None else [])
    wanted = torch.autograd.grad(3 * expected, variables)

    total, nll = linear_cross_entropy(hidden, head, bias, labels, weights.float(), smoothing)
    got = torch.autograd.grad(3 * total, variables)

    assert float(total.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)
    torch.testing.assert_close(nll.double(), F.cross_entropy(logits, labels, reduction="none"), rtol=1e-5, atol=1e-5)
    for ours, theirs in zip(got, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_nll_carries_no_gradient() -> None:
    hidden = torch.randn(3, 4, requires_grad=True)
    total, nll = linear_cross_entropy(hidden, torch.randn(9, 4), None, torch.tensor([1, 2, 3]), torch.ones(3))
    assert total.requires_grad
    assert not nll.requires_grad
