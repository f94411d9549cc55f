"""The model and its training: in closed form, against torch.optim.SGD, and as published."""

import copy
import math

import pytest
import torch
from conftest import FOUR_WORDS
from pytest import approx

import learnable_positional_embeddings as lpe

BRIEFLY = {"epochs": 3, "lr": 0.1}
PUBLISHED_TARGETS = [0.6, 0.9, 1.7, 2.5]


def random_problem(*batch):
    """Return a model with a random table, vectors of 5 words in 8 dimensions, and targets."""
    model = lpe.PositionalModel(5, 8)
    torch.nn.init.normal_(model.positional_embeddings)
    words = torch.randn(*batch, 5, 8)
    y_true = torch.randn(*batch, 5)
    return model, words, y_true


def values(module):
    """Return the numbers in each parameter, as they are now."""
    return [parameter.tolist() for parameter in module.parameters()]


# ---- the model


def test_a_new_model_trains_a_table_of_zeros_and_a_head():
    model = lpe.PositionalModel(sequence_length=3, dim=2)
    assert model.positional_embeddings.tolist() == [[0, 0]] * 3
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_fixed_head_is_ones_without_bias_and_is_not_trained():
    model = lpe.PositionalModel(3, 2, fixed_head=True)
    assert [parameter.requires_grad for parameter in model.parameters()] == [True, False, False]
    assert values(model.head) == [[[1, 1]], [0]]


def test_a_seed_draws_the_head_and_then_the_orders():
    torch.manual_seed(5)
    head = torch.nn.Linear(50, 1)
    order = torch.randperm(9)
    torch.manual_seed(5)
    model = lpe.PositionalModel(4, 50)
    lpe.without_table(model)
    assert values(model.head) == values(head)
    assert torch.randperm(9).equal(order)


def test_a_prediction_is_the_head_on_word_plus_position():
    model, words, _ = random_problem(1)  # a batch of one sequence
    table, weight, bias = model.parameters()
    expected = (words + table) @ weight[0] + bias
    torch.testing.assert_close(model(words), expected)


@pytest.mark.parametrize(
    "shape",
    [(1, 8), (5, 1), (6, 8), (8,), (5, 1, 8)],
    ids=str,
)
def test_vectors_of_another_shape_than_the_table_are_refused(shape):
    model, _, _ = random_problem()
    vectors = torch.zeros(shape)
    with pytest.raises(ValueError, match=r"\[5, 8\]"):
        model(vectors)
    with pytest.raises(ValueError, match=r"\[5, 8\]"):
        lpe.prediction_parts(model, vectors)


# ---- the baseline


def test_the_baseline_trains_the_same_head_under_a_table_that_stays_zero():
    model, *problem = random_problem()
    baseline = lpe.without_table(model)
    assert values(baseline.head) == values(model.head)
    lpe.train(baseline, *problem, **BRIEFLY)
    assert values(baseline.head) != values(model.head)
    assert not baseline.positional_embeddings.any()


def test_a_baseline_changes_nothing_in_its_model():
    model, *problem = random_problem()
    before = values(model)
    baseline = lpe.without_table(model)
    lpe.train(baseline, *problem, **BRIEFLY)
    assert values(model) == before
    assert model.positional_embeddings.requires_grad


# ---- training


@pytest.mark.parametrize("shuffle", [False, True], ids=["in order", "shuffled"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_training_is_torch_optim_sgd_bit_for_bit(shuffle, dtype):
    model, words, y_true = random_problem(3)  # a batch of three sequences
    model, words = model.to(dtype), words.to(dtype)
    peer = copy.deepcopy(model)
    torch.manual_seed(1)
    losses = lpe.train(model, words, y_true, epochs=100, lr=0.03, shuffle=shuffle)
    torch.manual_seed(1)
    optimizer = torch.optim.SGD(peer.parameters(), lr=0.03)
    for loss_before_step in losses:
        order = torch.randperm(5) if shuffle else range(5)
        y_pred = peer(words[:, order])
        loss = torch.nn.functional.mse_loss(y_pred, y_true.to(dtype))
        assert loss.item() == loss_before_step
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert len(losses) == 100
    assert values(model) == values(peer)


def test_with_nothing_to_train_each_epoch_returns_the_loss():
    model, *problem = random_problem()
    model.requires_grad_(False)
    first, *others = lpe.train(model, *problem, **BRIEFLY)
    assert others == [first, first]


def test_models_trained_together_meet_the_same_orders():
    model, *problem = random_problem()
    pair = [model, copy.deepcopy(model)]
    losses = lpe.train_together(pair, *problem, **BRIEFLY, shuffle=True)
    assert all(first == second for first, second in losses)


def test_an_epoch_is_not_trained_before_it_is_asked_for():
    model, *problem = random_problem()
    peer = copy.deepcopy(model)
    training = lpe.train_together([model], *problem, **BRIEFLY)
    assert next(training) == [lpe.train_epoch(peer, *problem, lr=0.1)]
    assert values(model) == values(peer)


def test_losses_that_overflow_are_returned_too():
    losses = lpe.train(*random_problem(), epochs=3, lr=1e30)
    assert [math.isfinite(loss) for loss in losses] == [True, False, False]


# ---- what a notebook may do


def test_training_goes_on_where_gradients_are_switched_off():
    with torch.no_grad():
        first, _, last = lpe.train(*random_problem(), **BRIEFLY)
    assert last < first


def test_training_is_done_where_the_vectors_are_and_not_on_the_default_device():
    model, words, _ = random_problem()
    y_true = [0, 1, 2, 3, 4]
    with torch.device("meta"):  # stands for a GPU; a tensor there has no values
        losses = lpe.train(model, words, y_true, **BRIEFLY, shuffle=True)
    assert all(map(math.isfinite, losses))


# ---- the two notebooks this comes from


def numbers(text):
    return [float(number) for number in text.split()]


def published(text):
    """Return the numbers in the text, each good to half of its fourth decimal."""
    return approx(numbers(text), abs=5.1e-5)


def test_the_notebook_with_glove_published_these_losses_and_this_table():
    model = lpe.PositionalModel(4, 50, fixed_head=True)
    words = lpe.load_word_embeddings(FOUR_WORDS)
    losses = lpe.train(model, words, PUBLISHED_TARGETS, epochs=20, lr=0.01)
    assert losses == published("""
        22.6534 12.7426 7.1677 4.0318 2.2679 1.2757 0.7176 0.4036 0.2270 0.1277
        0.0718 0.0404 0.0227 0.0128 0.0072 0.0040 0.0023 0.0013 0.0007 0.0004
    """)
    columns = model.positional_embeddings.T.tolist()
    assert columns == [published("-0.1725 0.0012 -0.0015 -0.0790")] * 50


def test_the_notebook_without_glove_published_epochs_6_to_25():
    model = lpe.PositionalModel(4, 3, fixed_head=True)
    table = numbers("0.1 0.2 0.3  0.4 0.5 0.6  0.7 0.8 0.9  1.0 1.1 1.2")
    words = numbers("0.2 0.1 0.3  0.5 0.4 0.6  0.9 0.7 0.8  1.2 1.1 1.0")
    model.positional_embeddings.data = torch.tensor(table).view(4, 3)
    words = torch.tensor(words).view(4, 3)
    losses = lpe.train(model, words, PUBLISHED_TARGETS, epochs=25, lr=0.1)
    assert losses[5:] == published("""
        1.5351 1.1091 0.8013 0.5790 0.4183 0.3022 0.2184 0.1578 0.1140 0.0824
        0.0595 0.0430 0.0311 0.0224 0.0162 0.0117 0.0085 0.0061 0.0044 0.0032
    """)
