"""What a model shows: by hand, by brute force over all orders, and after training."""

import math
from functools import partial
from itertools import permutations
from statistics import fmean, pvariance

import numpy
import pytest
import torch
from conftest import EVENLY, FOUR_WORDS, REPEATED_WORDS
from pytest import approx

import learnable_positional_embeddings as lpe

SHUFFLE = pytest.mark.parametrize(
    "shuffle",
    [False, True],
    ids=["in order", "shuffled"],
)
exactly = partial(approx, rel=1e-12, abs=1e-12)  # what is rounded to float32 is not


def example():
    """Return a model, w is 1 and b is 0, and vectors of one dimension, for the sums below."""
    model = lpe.PositionalModel(4, 1, fixed_head=True)
    by_position = torch.tensor([[0.0], [0.0], [1.0], [1.0]])
    by_word = torch.tensor([[1.0], [4.0], [1.0], [4.0]])
    model.positional_embeddings.data = by_position
    return model, by_word


def evidence_of_example(words=REPEATED_WORDS, **options):
    model, vectors = example()
    baseline = lpe.without_table(model)
    return lpe.measure(model, baseline, words, vectors, [0, 1, 2, 3], **options)


def random_problem():
    """Return a model with a random table, and vectors of four words."""
    model = lpe.PositionalModel(4, 6)
    torch.nn.init.normal_(model.positional_embeddings)
    return model, torch.randn(4, 6)


# ---- the parts and the losses


def test_the_parts_are_the_answer_without_a_table_and_what_the_table_adds():
    model, vectors = random_problem()
    by_word, by_position = lpe.prediction_parts(model, vectors)
    model, vectors = model.double(), vectors.double()
    baseline = lpe.without_table(model)
    assert by_word.tolist() == exactly(baseline(vectors).tolist())
    y_pred = by_word + by_position
    assert y_pred.tolist() == exactly(model(vectors).tolist())
    assert not y_pred.requires_grad


def test_the_evidence_of_words_in_order_by_hand():
    evidence = evidence_of_example()
    assert evidence.loss == 3.5  # y_pred is 1 4 2 5: (1² + 3² + 0² + 2²) / 4
    assert evidence.baseline_loss == 3  # y_pred is 1 4 1 4: (1² + 3² + 1² + 1²) / 4
    assert evidence.floor == 1  # machine has the targets 0 2, learning 1 3: all 1 from their mean
    assert evidence.by_word.tolist() == [1, 4, 1, 4]
    assert evidence.by_position.tolist() == [0, 0, 1, 1]


def test_the_evidence_of_shuffled_words_by_hand():
    evidence = evidence_of_example(shuffle=True)
    # At position 0 the answer is 1 or 4, and 0 is right: (1² + 4²) / 2 = 8.5.
    # At 1 it is 1 or 4, and 1 is right: 4.5. At 2, 2 or 5 for 2: 4.5. At 3, 2 or 5 for 3: 2.5.
    assert evidence.loss == 5  # (8.5 + 4.5 + 4.5 + 2.5) / 4
    assert evidence.baseline_loss == 4.5  # 1 or 4 for 0 1 2 3: (8.5 + 4.5 + 2.5 + 2.5) / 4
    assert evidence.floor == 1.25  # every word has every target: they are 1.5 0.5 0.5 1.5 from 1.5
    assert evidence.by_word.tolist() == [2.5, 2.5, 2.5, 2.5]


@SHUFFLE
def test_the_losses_by_brute_force_over_all_orders(shuffle):
    model, vectors = random_problem()
    baseline = lpe.without_table(model)
    y_true = [0, 1 / 3, 2 / 3, 1]
    evidence = lpe.measure(model, baseline, FOUR_WORDS, vectors, y_true, shuffle)
    orders = permutations(range(4)) if shuffle else [range(4)]
    sequences = vectors.double()[torch.tensor([*orders])]
    targets = torch.DoubleTensor(y_true)
    errors = model.double()(sequences) - targets
    baseline_errors = baseline.double()(sequences) - targets
    assert evidence.loss == exactly(errors.square().mean().item())
    assert evidence.baseline_loss == exactly(baseline_errors.square().mean().item())


@SHUFFLE
@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (2.0**64, 2.0**126),  # (2**64)² / 4
        (2.0**65, math.inf),  # 2**128 is beyond float32
        (math.nan, math.inf),
    ],
)
def test_a_loss_that_float32_cannot_hold_is_inf(target, expected, shuffle):
    assert lpe.average_loss(*example(), [0, 0, 0, target], shuffle) == approx(expected)


# ---- the floor


@SHUFFLE
@pytest.mark.parametrize("words", ["a", "aba", "aabca"])
def test_the_floor_in_plain_python(words, shuffle):
    y_true = [0.5, -1, 3, 0.25, 8][: len(words)]
    variances = []
    for word in words:
        pairs = zip(words, y_true, strict=True)
        targets = [y for other, y in pairs if shuffle or other == word]
        variances.append(pvariance(targets))
    assert lpe.loss_floor(list(words), y_true, shuffle) == approx(fmean(variances))


@SHUFFLE
@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ([0.1] * 7, 0),  # no binary fraction: sums of it are rounded
        ([0.1] * 1000, 0),
        ([1, 1, 1 + 2**-23], 2**-45 / 9),  # float32's next above 1: 1/3 1/3 2/3 from the mean
    ],
)
def test_the_floor_of_one_word_is_zero_just_where_targets_are_equal(targets, expected, shuffle):
    words = ["a"] * len(targets)
    floor = lpe.loss_floor(words, torch.tensor(targets), shuffle)
    assert floor == approx(expected, rel=1e-6, abs=0)


# ---- after training


def trained(words, epochs, lr, shuffle=False):
    """Return the evidence in the order that is trained, after training with seed 0."""
    vectors = lpe.load_word_embeddings(words)
    model = lpe.PositionalModel(4, 50)
    pair = model, lpe.without_table(model)
    list(lpe.train_together(pair, vectors, EVENLY, epochs=epochs, lr=lr, shuffle=shuffle))
    return lpe.measure(*pair, words, vectors, EVENLY, shuffle)


@pytest.mark.parametrize(
    ("words", "epochs", "shuffle", "loss", "baseline_loss"),
    [
        (FOUR_WORDS, 20, False, 2.162e-4, 2.4676e-4),
        (REPEATED_WORDS, 500, False, 8.7868e-6, 1 / 9),  # the floor
        (FOUR_WORDS, 500, True, 3.4787e-6, 0.14502),  # the floor is 0.139
    ],
)
def test_what_three_runs_come_to(words, epochs, shuffle, loss, baseline_loss):
    evidence = trained(words, epochs, 0.02, shuffle)
    assert evidence.loss == approx(loss, rel=1e-3)
    assert evidence.baseline_loss == approx(baseline_loss, rel=1e-3)


def test_the_baseline_may_overflow_where_the_model_converges():
    evidence = trained(FOUR_WORDS, 2000, 0.068)
    assert evidence.loss < 1e-9
    assert evidence.baseline_loss == math.inf


# ---- what a notebook may hand over


@pytest.mark.parametrize(
    "form",
    [list, numpy.array, torch.tensor, torch.DoubleTensor],
)
def test_targets_can_be(form):
    y_true = form([0, 1, 2, 3])
    assert lpe.loss_floor(REPEATED_WORDS, y_true) == 1
    assert lpe.average_loss(*example(), y_true) == 3.5
    assert lpe.train_epoch(*example(), y_true, lr=0.1) == 3.5


@pytest.mark.parametrize(
    "use",
    [
        partial(lpe.train_epoch, *example(), lr=0.1),
        partial(lpe.average_loss, *example()),
        partial(lpe.average_loss, *example(), shuffle=True),
        partial(lpe.loss_floor, REPEATED_WORDS),
    ],
    ids=["train", "loss", "loss shuffled", "floor"],
)
@pytest.mark.parametrize("shape", [(4, 1), (1, 4), (3,), ()], ids=str)
def test_targets_of_another_shape_than_the_words_are_refused(use, shape):
    with pytest.raises(ValueError, match="y_true"):
        use(torch.zeros(shape))


def test_a_batch_has_no_parts():
    model, vectors = example()
    batch = vectors.expand(2, 4, 1)
    with pytest.raises(ValueError, match=r"\[4, 1\]"):
        lpe.prediction_parts(model, batch)


@pytest.mark.parametrize("words", [numpy.array([7, 9, 7, 9]), iter("abab")])
def test_words_can_be(words):
    assert evidence_of_example(words).floor == 1


@pytest.mark.parametrize("words", ["abab", torch.tensor([7, 9, 7, 9])])
@pytest.mark.parametrize("use", [evidence_of_example, lpe.load_word_embeddings])
def test_words_cannot_be(words, use):
    with pytest.raises(TypeError, match="list of words"):
        use(words)
