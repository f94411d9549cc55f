"""The model and its training: by hand, in closed form, against torch.optim.SGD, and as published."""

import copy
import math
from itertools import permutations

import pytest
import torch
from conftest import EVENLY, FOUR_WORDS, TWICE, in_order_and_shuffled
from pytest import approx
from torch.nn.functional import mse_loss
from torch.testing import assert_close

import learnable_positional_embeddings as lpe
from learnable_positional_embeddings import (
    PositionalModel,
    load_word_embeddings,
    prediction_parts,
    sinusoidal_embeddings,
    train,
    train_epoch,
    without_table,
)

pytestmark = pytest.mark.usefixtures("seed_zero")

PUBLISHED_TARGETS = torch.tensor([0.6, 0.9, 1.7, 2.5])
THREE_WORDS = torch.tensor([[0.0], [1.0], [2.0]])  # vectors of one dimension
EVERY_PARAMETER = ["positional_embeddings", "head.weight", "head.bias"]


def random_problem(n, dim, dtype=torch.float64, fixed_head=False):
    """Return a model with a random table, word embeddings (n, dim) and targets (n,)."""
    model = PositionalModel(n, dim, fixed_head).to(dtype)
    torch.nn.init.normal_(model.positional_embeddings)
    word_embeddings = torch.randn(n, dim, dtype=dtype)
    y_true = torch.randn(n, dtype=dtype)
    return model, word_embeddings, y_true


def parameters_of(model):
    """Return copies of the table, the weights and the bias, as they are now."""
    return [parameter.detach().clone() for parameter in model.parameters()]


def values_of(model):
    """Return the numbers in the table, the weights and the bias, as they are now."""
    return [parameter.tolist() for parameter in model.parameters()]


def trained_in(model):
    """Return the names of what is trained, and the parameters."""
    parameters = dict(model.named_parameters())
    return {name: p for name, p in parameters.items() if p.requires_grad}


def sgd_of_torch(model, word_embeddings, y_true, *, epochs, lr, shuffle):
    """Train as `train` does, by torch.optim.SGD; return the losses."""
    optimizer = torch.optim.SGD(trained_in(model).values(), lr=lr)
    losses = []
    for _ in range(epochs):
        sequence = word_embeddings
        if shuffle:
            order = torch.randperm(len(y_true))
            sequence = word_embeddings[order]
        loss = mse_loss(model(sequence), y_true)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# ---- the model


def test_the_table_has_one_row_a_position_and_starts_at_zero():
    model = PositionalModel(sequence_length=3, dim=2)
    zeros = torch.zeros(3, 2)
    assert torch.equal(model.positional_embeddings, zeros)


def test_the_table_and_the_head_are_trained():
    model = PositionalModel(4, 50)
    assert list(trained_in(model)) == EVERY_PARAMETER


def test_of_a_fixed_head_only_the_table_is_trained():
    model = PositionalModel(4, 50, fixed_head=True)
    assert list(trained_in(model)) == ["positional_embeddings"]


def test_a_fixed_head_is_ones_without_bias():
    head = PositionalModel(4, 3, fixed_head=True).head
    assert torch.equal(head.weight, torch.ones(1, 3))
    assert head.bias.item() == 0


def test_the_head_is_the_first_thing_drawn_from_a_seed():
    torch.manual_seed(5)
    head = PositionalModel(4, 50).head
    torch.manual_seed(5)
    expected = torch.nn.Linear(50, 1)
    assert torch.equal(head.weight, expected.weight)
    assert torch.equal(head.bias, expected.bias)


def test_a_prediction_is_the_head_on_word_plus_position():
    model = PositionalModel(2, 2)
    model.head.weight.data = torch.tensor([[2.0, -1.0]])
    model.head.bias.data = torch.tensor([0.5])
    words = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    model.positional_embeddings.data = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    # the sums are (2, 2) and (3, 5): 2 * 2 - 2 + 0.5 and 2 * 3 - 5 + 0.5
    assert model(words).tolist() == [2.5, 1.5]


def test_a_batch_of_sequences_is_answered_as_each_of_them():
    model, _, _ = random_problem(4, 6)
    first, second = torch.randn(2, 4, 6).double()
    batch = torch.stack([first, second])
    expected = torch.stack([model(first), model(second)])
    assert_close(model(batch), expected)


def test_the_dimensions_before_the_last_two_are_all_the_batchs():
    model = PositionalModel(4, 6)
    assert model(torch.zeros(2, 3, 4, 6)).shape == (2, 3, 4)


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((1, 3), id="one word for all positions"),
        pytest.param((4, 1), id="one dimension"),
        pytest.param((1, 1), id="one number"),
        pytest.param((3, 3), id="a word too few"),
        pytest.param((5, 3), id="a word too many"),
        pytest.param((4, 2), id="a dimension too few"),
        pytest.param((3, 4), id="transposed"),
        pytest.param((3,), id="a single word"),
        pytest.param((4, 1, 3), id="positions before the batch"),
    ],
)
def test_vectors_of_another_length_or_size_than_the_table_are_refused(shape):
    model = PositionalModel(sequence_length=4, dim=3)
    with pytest.raises(ValueError, match=r"\[4, 3\]"):
        model(torch.zeros(shape))


# ---- the baseline


def test_the_baseline_has_the_head_of_the_model():
    model, _, _ = random_problem(4, 6)
    head = without_table(model).head
    assert torch.equal(head.weight, model.head.weight)
    assert torch.equal(head.bias, model.head.bias)


def test_the_baselines_table_is_zero():
    model, _, _ = random_problem(4, 6)
    baseline = without_table(model)
    assert not baseline.positional_embeddings.any()


def test_the_baselines_table_stays_zero_in_training():
    model, word_embeddings, y_true = random_problem(4, 6)
    baseline = without_table(model)
    train(baseline, word_embeddings, y_true, epochs=3, lr=0.1)
    assert not baseline.positional_embeddings.any()


def test_making_a_baseline_changes_nothing_in_the_model():
    model, _, _ = random_problem(4, 6)
    before = values_of(model)
    without_table(model)
    assert values_of(model) == before
    assert list(trained_in(model)) == EVERY_PARAMETER


def test_training_a_baseline_changes_nothing_in_the_model():
    model, word_embeddings, y_true = random_problem(4, 6)
    before = values_of(model)
    baseline = without_table(model)
    train(baseline, word_embeddings, y_true, epochs=3, lr=0.1)
    assert values_of(model) == before


def test_the_baseline_learns_as_a_linear_layer_on_the_words_alone():
    model, word_embeddings, y_true = random_problem(4, 6)
    baseline = without_table(model)
    head = copy.deepcopy(model.head)
    layer = torch.nn.Sequential(head, torch.nn.Flatten(0))
    settings = {"epochs": 5, "lr": 0.1, "shuffle": False}
    losses = train(baseline, word_embeddings, y_true, **settings)
    expected = sgd_of_torch(layer, word_embeddings, y_true, **settings)
    assert losses == approx(expected, rel=1e-12)


# ---- one epoch


def two_words_of_one_dimension():
    """Return a model that answers 1 and 2 where 0 is right: w is 1, b is 0, both are trained."""
    model = PositionalModel(2, 1, fixed_head=True)
    model.requires_grad_()
    word_embeddings = torch.tensor([[1.0], [2.0]])
    y_true = torch.zeros(2)
    return model, word_embeddings, y_true


def test_an_epoch_returns_the_loss_before_its_step():
    model, word_embeddings, y_true = two_words_of_one_dimension()
    loss = train_epoch(model, word_embeddings, y_true, lr=0.1)
    assert loss == 2.5  # (1² + 2²) / 2


def test_the_step_of_an_epoch_by_hand():
    model, word_embeddings, y_true = two_words_of_one_dimension()
    train_epoch(model, word_embeddings, y_true, lr=0.1)
    table, weight, bias = model.parameters()
    # lr * 2 / n is 0.1; the errors r are 1 and 2, the sums e + p are 1 and 2, w is 1
    assert table.flatten().tolist() == approx([-0.1, -0.2])  # 0 - 0.1 * r * w
    assert weight.item() == approx(0.5)  # 1 - 0.1 * (1 * 1 + 2 * 2)
    assert bias.item() == approx(-0.3)  # 0 - 0.1 * (1 + 2)


@pytest.mark.parametrize(
    ("n", "dim"),
    [
        pytest.param(1, 1, id="1 word of 1 dimension"),
        pytest.param(1, 7, id="1 word of 7"),
        pytest.param(4, 50, id="4 words of 50"),
        pytest.param(13, 3, id="13 words of 3"),
    ],
)
def test_a_step_in_closed_form(n, dim):
    model, word_embeddings, y_true = random_problem(n, dim)
    table, weight, bias = parameters_of(model)
    combined = word_embeddings + table
    errors = combined @ weight[0] + bias - y_true
    step = 0.03 * 2 / n
    expected = [
        table - step * torch.outer(errors, weight[0]),
        weight - step * errors @ combined,
        bias - step * errors.sum(),
    ]
    train_epoch(model, word_embeddings, y_true, lr=0.03)
    assert_close(parameters_of(model), expected)


def test_the_first_step_moves_every_row_along_the_head_by_the_error_at_its_position():
    model = PositionalModel(4, 50)
    words = load_word_embeddings(TWICE)
    weight = model.head.weight.detach().clone()
    errors = (model(words) - EVENLY).detach()
    train_epoch(model, words, EVENLY, lr=0.1)
    expected = -0.1 * 2 / 4 * errors[:, None] * weight
    assert_close(model.positional_embeddings.detach(), expected)


def test_rows_of_zeros_do_not_stay_zero():
    model = PositionalModel(4, 50)
    words = load_word_embeddings(FOUR_WORDS)
    train_epoch(model, words, EVENLY, lr=0.02)
    assert model.positional_embeddings.all(), "a number of the table did not move"


def test_with_nothing_to_train_an_epoch_returns_the_loss():
    model, word_embeddings, y_true = two_words_of_one_dimension()
    model.requires_grad_(False)
    assert train_epoch(model, word_embeddings, y_true, lr=0.1) == 2.5


def test_what_is_not_to_be_trained_is_not_changed():
    model, word_embeddings, y_true = random_problem(4, 6)
    model.requires_grad_(False)
    before = values_of(model)
    train_epoch(model, word_embeddings, y_true, lr=0.1)
    assert values_of(model) == before


# ---- many epochs


@pytest.mark.parametrize(
    "dtype",
    [torch.float32, torch.float64],
    ids=["float32", "float64"],
)
@pytest.mark.parametrize(
    "fixed_head",
    [False, True],
    ids=["head trained", "head fixed"],
)
@in_order_and_shuffled
def test_training_is_torch_optim_sgd_bit_for_bit(dtype, fixed_head, shuffle):
    model, word_embeddings, y_true = random_problem(5, 8, dtype, fixed_head)
    peer = copy.deepcopy(model)
    settings = {"epochs": 200, "lr": 0.03, "shuffle": shuffle}
    torch.manual_seed(1)
    losses = train(model, word_embeddings, y_true, **settings)
    torch.manual_seed(1)
    expected = sgd_of_torch(peer, word_embeddings, y_true, **settings)
    assert losses == expected
    assert values_of(model) == values_of(peer)


@in_order_and_shuffled
def test_two_epochs_are_one_and_then_another(shuffle):
    model, word_embeddings, y_true = random_problem(5, 8)
    peer = copy.deepcopy(model)
    settings = {"lr": 0.03, "shuffle": shuffle}
    torch.manual_seed(1)
    at_once = train(model, word_embeddings, y_true, epochs=2, **settings)
    torch.manual_seed(1)
    first = train(peer, word_embeddings, y_true, epochs=1, **settings)
    second = train(peer, word_embeddings, y_true, epochs=1, **settings)
    assert at_once == first + second


def test_the_words_are_in_order_unless_they_are_to_be_shuffled():
    model, word_embeddings, y_true = random_problem(5, 8)
    peer = copy.deepcopy(model)
    settings = {"epochs": 3, "lr": 0.03}
    losses = train(model, word_embeddings, y_true, **settings)
    expected = train(peer, word_embeddings, y_true, **settings, shuffle=False)
    assert losses == expected


def test_without_epochs_nothing_is_trained():
    model, word_embeddings, y_true = random_problem(4, 6)
    before = values_of(model)
    losses = train(model, word_embeddings, y_true, epochs=0, lr=0.1)
    assert losses == []
    assert values_of(model) == before


def test_the_word_vectors_stay_as_they_are():
    model, word_embeddings, y_true = random_problem(4, 6)
    before = word_embeddings.clone()
    train(model, word_embeddings, y_true, epochs=3, lr=0.1, shuffle=True)
    assert torch.equal(word_embeddings, before)


def test_losses_that_overflow_are_returned_too():
    model, word_embeddings, y_true = random_problem(4, 6, torch.float32)
    losses = train(model, word_embeddings, y_true, epochs=5, lr=1e30)
    assert len(losses) == 5
    assert not math.isfinite(losses[-1])


# ---- shuffling


@pytest.fixture
def sequences(monkeypatch):
    """Return a function that returns what the epochs of a training have for words."""

    def run(vectors, epochs, shuffle):
        seen = []
        monkeypatch.setattr(
            lpe, "train_epoch", lambda _, sequence, *__, **___: seen.append(sequence)
        )
        train(None, vectors, None, epochs=epochs, lr=0.1, shuffle=shuffle)
        return seen

    return run


def test_without_shuffle_the_words_keep_their_order(sequences):
    [sequence] = sequences(THREE_WORDS, 1, shuffle=False)
    assert torch.equal(sequence, THREE_WORDS)


@pytest.fixture
def orders(sequences):
    """Return a function that returns the three words as epochs that shuffle them have them."""
    return lambda epochs: [
        tuple(sequence.flatten().tolist()) for sequence in sequences(THREE_WORDS, epochs, True)
    ]


def test_shuffled_no_word_is_lost_or_doubled(orders):
    assert sorted(orders(1)[0]) == [0, 1, 2]


def test_shuffled_every_order_of_the_words_comes_equally_often(orders):
    drawn = orders(600)
    counts = [drawn.count(order) for order in permutations([0, 1, 2])]
    assert min(counts) > 60, "100 each but for chance: this is 4 sigma below"


def test_shuffling_a_batch_moves_its_positions_and_nothing_else(sequences):
    first = [[1, 10], [2, 20], [3, 30]]
    second = [[4, 40], [5, 50], [6, 60]]
    batch = torch.tensor([first, second])
    torch.manual_seed(1)
    order = torch.randperm(3)
    torch.manual_seed(1)
    [shuffled] = sequences(batch, 1, shuffle=True)
    assert shuffled.tolist() == [
        [first[i] for i in order],
        [second[i] for i in order],
    ]


def test_shuffled_the_targets_stay_at_their_positions():
    model = PositionalModel(3, 1)
    y_true = torch.tensor([5.0, -1.0, 2.0])
    train(model, THREE_WORDS, y_true, epochs=600, lr=0.02, shuffle=True)
    _, by_position = prediction_parts(model, THREE_WORDS)
    assert torch.equal(by_position.argsort(), y_true.argsort())


# ---- a fixed head


@pytest.mark.parametrize(
    ("lr", "q"),
    [
        pytest.param(0.01, 0.75, id="steadily down"),
        pytest.param(0.04, 0.0, id="zero at once"),
        pytest.param(0.06, -0.5, id="to and fro"),
        pytest.param(0.08, -1.0, id="never down"),
        pytest.param(0.10, -1.5, id="away"),
    ],
)
def test_an_epoch_under_a_fixed_head_multiplies_every_error_by_q(lr, q):
    model, word_embeddings, y_true = random_problem(4, 50, fixed_head=True)
    before = model(word_embeddings) - y_true
    train_epoch(model, word_embeddings, y_true, lr=lr)
    after = model(word_embeddings) - y_true
    # q = 1 - 2 lr |w|² / n, and |w|² is 50
    assert_close(after, q * before, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "words",
    [FOUR_WORDS, TWICE],
    ids=["four words", "two words twice"],
)
@pytest.mark.parametrize(
    "y_true",
    [PUBLISHED_TARGETS, EVENLY],
    ids=["published targets", "0 to 1"],
)
def test_under_a_fixed_head_the_loss_falls_by_q_squared_an_epoch(words, y_true):
    model = PositionalModel(4, 50, fixed_head=True)
    vectors = load_word_embeddings(words)
    losses = train(model, vectors, y_true, epochs=10, lr=0.01)
    # q = 1 - 2 * 0.01 * 50 / 4 = 0.75, whatever the words and targets
    expected = [losses[0] * 0.75 ** (2 * epoch) for epoch in range(10)]
    assert losses == approx(expected, rel=1e-4)


# ---- the two notebooks this comes from


def published(text):
    """Return the losses in the text, each good to half of its fourth decimal."""
    losses = [float(word) for word in text.split()]
    return approx(losses, abs=5.1e-5)


@pytest.fixture
def checkpoint_with_glove(command, tmp_path):
    """Return what the command that repeats the notebook with GloVe saves."""
    command(
        "--fixed-head",
        "--targets",
        *PUBLISHED_TARGETS.tolist(),
        "--lr",
        0.01,
        "--save",
        tmp_path / "run.pt",
    )
    return torch.load(tmp_path / "run.pt", weights_only=True)


def test_the_notebook_with_glove_published_these_losses(checkpoint_with_glove):
    assert checkpoint_with_glove["losses"] == published("""
        22.6534 12.7426 7.1677 4.0318 2.2679 1.2757 0.7176 0.4036 0.2270 0.1277
        0.0718 0.0404 0.0227 0.0128 0.0072 0.0040 0.0023 0.0013 0.0007 0.0004
    """)


def test_the_notebook_with_glove_published_this_table(checkpoint_with_glove):
    parameters = checkpoint_with_glove["model_state_dict"]
    in_each_row = torch.tensor([-0.1725, 0.0012, -0.0015, -0.0790])
    expected = in_each_row[:, None].expand(4, 50)
    assert_close(parameters["positional_embeddings"], expected, rtol=0, atol=5.1e-5)


def test_the_notebook_without_glove_published_epochs_6_to_25():
    vectors = [
        [0.2, 0.1, 0.3],
        [0.5, 0.4, 0.6],
        [0.9, 0.7, 0.8],
        [1.2, 1.1, 1.0],
    ]
    table = [
        [0.1, 0.2, 0.3],
        [0.4, 0.5, 0.6],
        [0.7, 0.8, 0.9],
        [1.0, 1.1, 1.2],
    ]
    model = PositionalModel(4, 3, fixed_head=True)
    model.positional_embeddings.data = torch.tensor(table)
    losses = train(model, torch.tensor(vectors), PUBLISHED_TARGETS, epochs=25, lr=0.1)
    assert losses[5:] == published("""
        1.5351 1.1091 0.8013 0.5790 0.4183 0.3022 0.2184 0.1578 0.1140 0.0824
        0.0595 0.0430 0.0311 0.0224 0.0162 0.0117 0.0085 0.0061 0.0044 0.0032
    """)


# ---- sinusoidal positions


def test_a_sinusoidal_table_by_hand():
    first, second = sinusoidal_embeddings(2, 4).tolist()
    assert first == [0, 1, 0, 1]  # sin 0, cos 0, sin 0, cos 0
    # sin 1, cos 1, sin 0.01, cos 0.01
    assert second == approx([0.841471, 0.540302, 0.010000, 0.999950], abs=1e-6)


def table_of_the_paper(n, dim):
    """Return section 3.5 of Vaswani et al. 2017 number by number."""
    table = torch.zeros(n, dim)
    for position in range(n):
        for column in range(dim):
            angle = position / 10000 ** (2 * (column // 2) / dim)
            wave = math.cos if column % 2 else math.sin
            table[position, column] = wave(angle)
    return table


@pytest.mark.parametrize(
    "dim",
    [1, 2, 7, 50],
    ids=["1 dimension", "2 dimensions", "7", "50"],
)
def test_a_sinusoidal_table_is_the_formula_of_the_paper(dim):
    table = sinusoidal_embeddings(30, dim)
    assert_close(table, table_of_the_paper(30, dim), rtol=0, atol=1e-7)


def test_a_sinusoidal_table_is_right_at_far_positions_too():
    far = sinusoidal_embeddings(100_001, 6)[-1, 2]
    angle = 100_000 / 10000 ** (2 / 6)  # rounded to float32 its sine would be wrong by 1e-4
    assert far.item() == approx(math.sin(angle), abs=1e-7)


# ---- random vectors


def random_vectors(words, seed=5):
    torch.manual_seed(seed)
    return load_word_embeddings(words, "random")


def test_random_vectors_of_a_word_are_the_same_wherever_it_stands():
    first, _, second = random_vectors(["to", "be", "to"])
    assert torch.equal(first, second)


def test_random_vectors_of_two_words_differ():
    first, second = random_vectors(["to", "be"])
    assert not torch.equal(first, second)


def test_random_vectors_have_50_dimensions():
    vectors = random_vectors(["to", "be", "to"])
    assert vectors.shape == (3, 50)


def test_a_seed_always_gives_the_same_random_vectors():
    first = random_vectors(TWICE, seed=5)
    second = random_vectors(TWICE, seed=5)
    assert torch.equal(first, second)


def test_another_seed_gives_other_random_vectors():
    first = random_vectors(TWICE, seed=5)
    second = random_vectors(TWICE, seed=6)
    assert not torch.equal(first, second)


def test_random_vectors_do_not_depend_on_how_the_words_are_spelled():
    first = random_vectors(["a", "b", "a"])
    second = random_vectors(["y", "x", "y"])
    assert torch.equal(first, second)


@pytest.fixture(scope="module")
def two_thousand_random_vectors():
    return random_vectors([f"word {i}" for i in range(2000)])


def test_random_vectors_are_around_zero(two_thousand_random_vectors):
    mean = two_thousand_random_vectors.mean()
    assert mean.item() == approx(0, abs=0.01)


def test_random_vectors_are_as_large_as_the_scripts_own(two_thousand_random_vectors):
    root_mean_square = two_thousand_random_vectors.square().mean().sqrt()
    own = load_word_embeddings(FOUR_WORDS)
    assert root_mean_square.item() == approx(0.7207, abs=0.01)
    assert own.square().mean().sqrt().item() == approx(0.7207, abs=1e-4)


def test_random_vectors_are_normal_numbers(two_thousand_random_vectors):
    within_one_sigma = two_thousand_random_vectors.abs() < 0.7207
    share = within_one_sigma.double().mean()
    assert share.item() == approx(0.6827, abs=0.01)
