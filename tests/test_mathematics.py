"""The mathematics of the model: one step of SGD in closed form, in float64."""

import numpy as np
import pytest
import torch
from conftest import random_problem

from learnable_positional_embeddings import PositionalModel, train


def parameters_of(model):
    """Copies of (table, w, b) as numpy arrays."""
    tensors = model.positional_embeddings, model.head.weight[0], model.head.bias
    return [tensor.detach().numpy().copy() for tensor in tensors]


@pytest.mark.parametrize(("n", "dim"), [(1, 1), (1, 7), (4, 50), (13, 3)])
def test_one_step_in_closed_form(n, dim):
    model, embeddings, y_true = random_problem(n, dim, seed=n)
    (p, w, b), e, y, lr = parameters_of(model), embeddings.numpy(), y_true.numpy(), 0.03
    loss = next(train(model, embeddings, y_true, epochs=1, lr=lr))

    r = (e + p) @ w + b - y
    assert loss == pytest.approx((r**2).mean(), rel=1e-12)
    new_p, new_w, new_b = parameters_of(model)
    np.testing.assert_allclose(new_p, p - lr * 2 / n * np.outer(r, w), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(new_w, w - lr * 2 / n * (r @ (e + p)), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(new_b, b - lr * 2 / n * r.sum(), rtol=1e-12, atol=1e-14)


def test_each_loss_is_measured_before_its_step():
    model, embeddings, y_true = random_problem(5, 4, seed=1)
    for loss in train(model, embeddings, y_true, epochs=3, lr=0.01):
        before = loss
        after = ((model(embeddings) - y_true) ** 2).mean().item()
        assert after < before
    assert next(train(model, embeddings, y_true, epochs=1, lr=0.01)) == after


def test_the_table_starts_at_zero_and_its_first_step_follows_the_head():
    torch.manual_seed(3)
    model = PositionalModel(6, 10).double()
    assert model.positional_embeddings.shape == (6, 10)
    assert model.positional_embeddings.count_nonzero() == 0
    assert dict(model.named_parameters()).keys() == {
        "positional_embeddings",
        "head.weight",
        "head.bias",
    }
    w = model.head.weight.detach().clone()
    next(train(model, torch.randn(6, 10).double(), torch.randn(6).double(), epochs=1, lr=0.1))
    table = model.positional_embeddings.detach()
    scale = table @ w[0] / (w[0] @ w[0])  # every row a multiple of the first w
    torch.testing.assert_close(table, scale[:, None] * w)
    assert scale.count_nonzero() == 6


def test_gradients_agree_with_finite_differences():
    model, embeddings, y_true = random_problem(3, 4, seed=2)
    parameters = dict(model.named_parameters())

    def loss(*values):
        named = dict(zip(parameters, values, strict=True))
        y_pred = torch.func.functional_call(model, named, (embeddings,))
        return torch.nn.functional.mse_loss(y_pred, y_true)

    assert torch.autograd.gradcheck(loss, tuple(parameters.values()))
