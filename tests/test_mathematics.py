"""The mathematics, computed a second time: in closed form, in plain Python, by trained models."""

import math
import random
from itertools import permutations
from statistics import mean, pvariance

import numpy as np
import pytest
import torch
from conftest import FOUR_WORDS
from test_published import random_problem
from torch import nn

import learnable_positional_embeddings as lpe

TWICE = ["machine", "learning"] * 2
PLACES = torch.tensor([0, 1 / 3, 2 / 3, 1])
BY_HAND = [(FOUR_WORDS, False, 0, 0), (FOUR_WORDS, True, 5 / 36, 1), (TWICE, False, 1 / 9, 0.8)]
NAN, PART = math.nan, torch.arange(4.0).double()


def test_the_table_starts_at_zero_and_its_first_step_is_along_the_head():
    model = lpe.PositionalModel(4, 50)
    assert not model.positional_embeddings.any()
    w = model.head.weight.detach().clone()
    lpe.train(model, lpe.load_word_embeddings(TWICE), PLACES, epochs=1, lr=0.1)
    rows = torch.cat([model.positional_embeddings.detach(), w])
    assert (rows.count_nonzero(), torch.linalg.matrix_rank(rows)) == (5 * 50, 1)


@pytest.mark.parametrize(("n", "dim"), [(1, 1), (1, 7), (4, 50), (13, 3)])
def test_training_in_closed_form(n, dim):
    model, words, y_true = random_problem(n, dim)
    e, y, step = words.numpy(), y_true.numpy(), 0.03 * 2 / n
    p, w, b = (parameter.detach().numpy().copy() for parameter in model.parameters())
    for loss in lpe.train(model, words, y_true, epochs=3, lr=0.03):
        r = (e + p) @ w[0] + b - y
        assert loss == pytest.approx(np.mean(r**2), rel=1e-12)  # before the step
        p, w, b = p - step * np.outer(r, w), w - step * r @ (e + p), b - step * r.sum()
    for parameter, expected in zip(model.parameters(), (p, w, b), strict=True):
        np.testing.assert_allclose(parameter.detach(), expected, rtol=1e-11, atol=1e-13)


def test_shuffle_moves_the_words_and_not_the_targets():
    torch.manual_seed(0)
    model, words, orders = lpe.PositionalModel(3, 1), torch.arange(3.0)[:, None], []
    model.register_forward_pre_hook(lambda _, inputs: orders.append(tuple(inputs[0].T[0].tolist())))
    lpe.train(model, words, torch.tensor([5.0, -1.0, 2.0]), epochs=600, lr=0.02, shuffle=True)
    counts = [orders.count(order) for order in permutations([0.0, 1.0, 2.0])]
    assert (sum(counts), min(counts) > 60) == (600, True)  # 100 each but for chance, 4 sigma
    assert lpe.prediction_parts(model, words)[1].argsort().tolist() == [1, 2, 0]  # as the targets


def test_the_two_parts_sum_to_the_prediction_in_batches_too():
    model = random_problem(4, 6, torch.float32)[0]
    batch = torch.randn(3, 1, 4, 6)
    for index in np.ndindex(3, 1):
        by_word, by_position = lpe.prediction_parts(model, batch[index])
        torch.testing.assert_close(by_word + by_position, model(batch)[index].detach().double())
    nn.init.zeros_(model.positional_embeddings)
    assert not lpe.prediction_parts(model, batch[0, 0])[1].any()


def random_case(seed):
    """Return up to five words, targets, and parts by word and by position: some are equal."""
    rng = random.Random(seed)
    words = rng.choices("abc", k=rng.randint(1, 5))
    numbers = torch.tensor([0.1, rng.gauss(0, 1), rng.gauss(0, 1)]).tolist()[: rng.randint(1, 3)]
    y_true, by_position = (rng.choices(numbers, k=len(words)) for _ in range(2))
    answers = dict(zip("abc", rng.choices(numbers, k=3), strict=True))
    return words, y_true, [answers[word] for word in words], by_position


def within(groups, values):
    """Return the mean squared distance of the values from the mean of their group."""
    pairs = list(zip(groups, values, strict=True))
    return mean(pvariance([v for other, v in pairs if other == group]) for group in groups)


@pytest.mark.parametrize("shuffle", [False, True])
def test_the_evidence_in_plain_python(shuffle):
    for seed in range(300):
        words, y, a, c = random_case(seed)
        groups = ["any"] * len(words) if shuffle else words
        orders = permutations(a) if shuffle else [a]
        final_loss = mean(np.square(np.add(order, c) - y).mean() for order in orders)
        floor, left = within(groups, y), within(groups, np.subtract(y, c).tolist())
        total, variance = pvariance(y), pvariance(a) + pvariance(c)
        word, position = np.divide([pvariance(a), pvariance(c)], variance or NAN)
        needs, removed = floor / (total or NAN), 1 - left / (floor or NAN)  # shares of nothing: nan
        y_true, *parts = torch.tensor([y, a, c], dtype=torch.float64)
        evidence = lpe.measure(words, y_true.float(), *parts, shuffle)
        expected = final_loss, floor, total, word, position, needs, removed
        assert [*evidence] == pytest.approx([*expected], rel=1e-9, abs=1e-12, nan_ok=True)
        assert not evidence.floor_removed < 1 - final_loss / (floor or NAN) - 1e-9


@pytest.mark.parametrize(("words", "shuffle", "floor", "needs_order"), BY_HAND)
def test_the_evidence_of_a_table_of_zeros_by_hand(words, shuffle, floor, needs_order):
    evidence = lpe.measure(words, PLACES, PART, 0 * PART, shuffle)
    known = floor, 5 / 36, 1, 0, needs_order, 0 if floor else NAN
    assert evidence[1:] == pytest.approx(known, rel=1e-6, abs=0, nan_ok=True)
    assert lpe.loss_floor(words, PLACES.tolist(), shuffle) == evidence.floor  # a list will do
    assert lpe.loss_floor(TWICE, PLACES) == pytest.approx(1 / 9)  # not shuffled unless said so
    assert math.isnan(lpe.measure(words, PLACES, 1 + 1e-7 * PART, 0 * PART)[3])  # but rounding


@pytest.mark.parametrize("shuffle", [False, True])
def test_the_floor_is_what_least_squares_leaves_of_one_hot_words(shuffle):
    rng = np.random.default_rng(0)
    for _ in range(60):
        words, y = rng.choice([*"abcd"], size=7).tolist(), rng.normal(size=7)
        floor, one_hot = lpe.loss_floor(words, y, shuffle), np.equal.outer(words, [*"abcd"]) * 1.0
        if shuffle:  # every word at every place
            one_hot, y = np.repeat(one_hot, 7, axis=0), np.tile(y, 7)
        answers = np.linalg.lstsq(one_hot, y, rcond=None)[0]
        assert floor == pytest.approx(np.mean((one_hot @ answers - y) ** 2), abs=1e-12)


@pytest.mark.parametrize(("causal", "learned", "loss"), [(0, 0, 1 / 9), (1, 0, 1 / 18), (0, 1, 0)])
def test_the_floor_binds_a_transformer_without_positions_and_mask(causal, learned, loss):
    """One causal layer can tell the two `machine`, and not the two `learning`: half the floor."""
    torch.manual_seed(0)
    words, table = lpe.load_word_embeddings(TWICE), torch.zeros(4, 50, requires_grad=bool(learned))
    layer, head = nn.TransformerEncoderLayer(50, 2, 100, dropout=0), nn.Linear(50, 1)
    adam = torch.optim.Adam([*layer.parameters(), *head.parameters(), *[table] * learned], lr=0.003)
    mask = nn.Transformer.generate_square_subsequent_mask(4) if causal else None
    for _ in range(300):
        final_loss = (head(layer(words + table, src_mask=mask))[:, 0] - PLACES).square().mean()
        adam.zero_grad()
        final_loss.backward()
        adam.step()
    assert final_loss.item() == pytest.approx(loss, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("dim", [1, 2, 7, 50])
def test_the_sinusoidal_table_is_that_of_the_paper(dim):
    table = torch.zeros(30, dim)
    for position, column in np.ndindex(30, dim):
        angle = position / 10000 ** (2 * (column // 2) / dim)
        table[position, column] = math.cos(angle) if column % 2 else math.sin(angle)
    torch.testing.assert_close(lpe.sinusoidal_embeddings(30, dim), table, rtol=0, atol=1e-7)


def test_random_vectors_are_one_a_word_drawn_from_the_seed_and_as_long_as_the_pretrained():
    draws = []
    for seed, words in (5, "abacb"), (5, "xyxzy"), (6, "abacb"), (7, map(str, range(2000))):
        torch.manual_seed(seed)
        draws.append(lpe.load_word_embeddings([*words], "random"))
    assert torch.equal(draws[0][[0, 1]], draws[0][[2, 4]])
    assert len(set(draws[0][:, 0].tolist())) == 3
    assert (torch.equal(draws[0], draws[1]), torch.equal(draws[0], draws[2])) == (True, False)
    length = lpe.load_word_embeddings(FOUR_WORDS).square().mean().sqrt().item()
    assert (draws[3].mean(), draws[3].std()) == pytest.approx((0, length), abs=0.01)


def test_words_can_be_a_generator_but_not_a_string():
    uses = {lpe.load_word_embeddings: [], lpe.loss_floor: [PLACES], lpe.measure: [PLACES] * 3}
    for use, rest in uses.items():
        values = torch.as_tensor(use(TWICE, *rest))
        assert torch.equal(torch.as_tensor(use((word for word in TWICE), *rest)), values)
        with pytest.raises(TypeError, match="list of words, not the string"):
            use("abcd", *rest)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("wrong", [PLACES[:, None], PLACES[:3], PLACES[:1], torch.zeros(5)])
def test_targets_of_another_shape_than_the_words_are_refused(wrong, shuffle):
    model, words = lpe.PositionalModel(4, 50), lpe.load_word_embeddings(FOUR_WORDS)
    with pytest.raises(ValueError, match="y_true"):
        lpe.train(model, words, wrong, epochs=1, lr=0.1, shuffle=shuffle)
    for tensors in (wrong, PART, PART), (PLACES, wrong, PART), (PLACES, PART, wrong):
        with pytest.raises(ValueError, match="4 words need 4 values"):
            lpe.measure(FOUR_WORDS, *tensors, shuffle)
