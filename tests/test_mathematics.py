"""The mathematics: the model, SGD, shares, losses, floors and the tables that are not learned.

Against closed forms, finite grids, all n! orders, least squares and trained transformers.
"""

import itertools
import math

import numpy as np
import pytest
import torch
from conftest import FOUR_WORDS, random_problem
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import learnable_positional_embeddings as lpe

SEEDS = st.integers(0, 2**32)
THIRDS = torch.tensor([0, 1 / 3, 2 / 3, 1], dtype=torch.float64)


@pytest.mark.parametrize(("n", "dim"), [(1, 1), (1, 7), (4, 50), (13, 3)])
def test_sgd_in_closed_form(n, dim):
    """From the table of zeros the first step makes every row a multiple of w."""
    assert lpe.PositionalModel(n, dim).positional_embeddings.tolist() == [[0.0] * dim] * n
    model, embeddings, y_true = random_problem(n, dim, seed=n)
    e, y, step = embeddings.numpy(), y_true.numpy(), 0.03 * 2 / n
    parameters = model.positional_embeddings, model.head.weight, model.head.bias
    p, w, b = (parameter.detach().numpy().copy() for parameter in parameters)
    for loss in lpe.train(model, embeddings, y_true, epochs=3, lr=0.03):
        r = ((e + p) @ w.T)[:, 0] + b - y
        assert loss == pytest.approx((r**2).mean(), rel=1e-12)  # before the step
        p, w, b = p - step * np.outer(r, w), w - step * (r @ (e + p)), b - step * r.sum()
        for parameter, expected in zip(parameters, (p, w, b), strict=True):
            np.testing.assert_allclose(parameter.detach(), expected, rtol=1e-11, atol=1e-13)


def test_shuffle_moves_the_words_and_not_the_targets():
    orders = []
    torch.manual_seed(0)
    model = lpe.PositionalModel(3, 1)
    model.register_forward_pre_hook(lambda _, inputs: orders.append(tuple(inputs[0].T[0].tolist())))
    y_true = torch.tensor([5.0, -1.0, 2.0])
    list(lpe.train(model, torch.arange(3.0)[:, None], y_true, epochs=600, lr=0.02, shuffle=True))
    counts = {order: orders.count(order) for order in orders}
    assert counts.keys() == set(itertools.permutations([0.0, 1.0, 2.0]))
    assert all(60 < count < 140 for count in counts.values())  # 100 each but for chance, 4 sigma
    places = model.positional_embeddings.detach() @ model.head.weight.detach()[0]
    assert places.numpy().argsort().tolist() == [1, 2, 0]  # each has learned its own target


@given(st.integers(2, 9), st.integers(1, 6), SEEDS)
@settings(max_examples=30, deadline=None)
def test_shares_against_the_full_grid(n, dim, seed):
    model, embeddings, _ = random_problem(n, dim, seed)
    with torch.no_grad():  # every word at every place: row j is word j
        grid = torch.stack([model(word.expand_as(embeddings)) for word in embeddings]).numpy()
    shares = grid.mean(axis=1).var() / grid.var(), grid.mean(axis=0).var() / grid.var()
    assert lpe.prediction_shares(model, embeddings) == pytest.approx(shares, rel=1e-9, abs=1e-12)


@given(st.integers(1, 5), st.integers(1, 6), SEEDS)
@settings(max_examples=20, deadline=None)
def test_exact_loss_against_all_orders(n, dim, seed):
    model, embeddings, y_true = random_problem(n, dim, seed)
    orders = [list(order) for order in itertools.permutations(range(n))]
    with torch.no_grad():
        losses = [((model(embeddings[order]) - y_true) ** 2).mean().item() for order in orders]
    assert lpe.exact_loss(model, embeddings, y_true, shuffle=True) == pytest.approx(np.mean(losses))
    assert lpe.exact_loss(model, embeddings, y_true, shuffle=False) == pytest.approx(losses[0])


@given(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=7), SEEDS)
@settings(deadline=None)
def test_floor_against_least_squares(words, seed):
    y, n = np.random.default_rng(seed).normal(size=len(words)), len(words)
    one_hot = np.equal.outer(words, sorted(set(words))).astype(float)
    every_pair = np.repeat(one_hot, n, axis=0), np.tile(y, n)  # shuffled: each word at each place
    for shuffle, (inputs, targets) in (False, (one_hot, y)), (True, every_pair):
        solution = np.linalg.lstsq(inputs, targets, rcond=None)[0]
        least = np.mean((inputs @ solution - targets) ** 2)
        assert lpe.loss_floor(words, y, shuffle) == pytest.approx(least, abs=1e-12)


def test_floors_known_by_hand():
    assert lpe.loss_floor(list("mlml"), THIRDS, shuffle=False) == pytest.approx(1 / 9)
    assert lpe.loss_floor(list("abcd"), THIRDS, shuffle=True) == pytest.approx(5 / 36)
    assert lpe.loss_floor(list("aaab"), torch.tensor([0.1, 0.1, 0.1, 0.7]), shuffle=False) == 0


@pytest.mark.parametrize("causal", [False, True])
def test_the_floor_binds_a_transformer_unless_its_attention_is_causal(causal):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).double()
    head = nn.Linear(8, 1).double()
    mask = nn.Transformer.generate_square_subsequent_mask(4, dtype=torch.float64)
    sequence = torch.randn(2, 8).double().repeat(2, 1)  # machine learning machine learning
    optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=0.01)
    losses = []  # without positions, to the end
    for _ in range(200):
        y_pred = head(encoder(sequence[None], mask=mask if causal else None))[0, :, 0]
        losses.append((y_pred - THIRDS).square().mean())
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    floor = lpe.loss_floor(["machine", "learning"] * 2, THIRDS, shuffle=False)
    lowest, highest = (0, floor / 10) if causal else (floor - 1e-6, floor * 1.001)
    assert lowest <= min(losses) <= losses[-1] <= highest


@pytest.mark.parametrize("dim", [1, 2, 7, 50])
def test_sinusoidal_table_against_the_paper(dim):
    table = lpe.sinusoidal_embeddings(30, dim)
    assert (table.dtype, table.shape) == (torch.float32, (30, dim))
    for position, column in itertools.product(range(30), range(dim)):
        wave = math.cos if column % 2 else math.sin
        expected = wave(position / 10000 ** (2 * (column // 2) / dim))
        assert table[position, column].item() == pytest.approx(expected, abs=1e-7)


def test_random_vectors_are_one_for_each_word_from_the_seed():
    torch.manual_seed(5)
    vectors = lpe.load_word_embeddings(list("abacb"), "random")
    assert (vectors.dtype, vectors.shape) == (torch.float32, (5, 50))
    assert vectors[[0, 1]].tolist() == vectors[[2, 4]].tolist()
    assert len(set(vectors[:, 0].tolist())) == 3
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # a notebook's setting changes no vectors
    try:
        torch.manual_seed(5)
        assert torch.equal(lpe.load_word_embeddings(list("xyxzy"), "random"), vectors)
    finally:
        torch.set_default_dtype(default)
    many = lpe.load_word_embeddings([str(i) for i in range(2000)], "random")  # 100,000 numbers
    length = lpe.load_word_embeddings(FOUR_WORDS).square().mean().sqrt().item()
    assert many.square().mean().sqrt().item() == pytest.approx(length, rel=0.01)
