"""What a run shows, its losses and parts: by hand, in plain Python, by least squares, by trained models."""

import copy
import random
from itertools import permutations
from statistics import fmean, pvariance

import pytest
import torch
from conftest import EVENLY, FOUR_WORDS, TWICE, in_order_and_shuffled
from pytest import approx
from torch import nn

from learnable_positional_embeddings import (
    PositionalModel,
    average_loss,
    load_word_embeddings,
    loss_floor,
    measure,
    prediction_parts,
    train,
    train_epoch,
    without_table,
)

pytestmark = pytest.mark.usefixtures("seed_zero")

ALL_THE_SAME = ["machine", "machine", "machine", "machine"]
ZERO_TO_THREE = torch.tensor([0.0, 1.0, 2.0, 3.0])


def one_number_a_row(numbers):
    """Return (n, 1): word vectors, or a table, of one dimension."""
    return torch.tensor(numbers)[:, None]


def model_of(by_position):
    """Return a model that adds these numbers to word vectors of one dimension: w is 1, b is 0."""
    model = PositionalModel(len(by_position), 1, fixed_head=True)
    model.positional_embeddings.data = one_number_a_row(by_position)
    return model


def random_model(n, dim):
    """Return a model whose table is random too, and word vectors for it."""
    model = PositionalModel(n, dim)
    nn.init.normal_(model.positional_embeddings)
    return model, torch.randn(n, dim)


# ---- the two parts of a prediction


def test_the_two_parts_by_hand():
    model = PositionalModel(2, 2)
    model.head.weight.data = torch.tensor([[2.0, -1.0]])
    model.head.bias.data = torch.tensor([0.5])
    model.positional_embeddings.data = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    words = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    by_word, by_position = prediction_parts(model, words)
    assert by_word.tolist() == [0.5, 2.5]  # 2 * 1 - 2 + 0.5 and 2 * 3 - 4 + 0.5
    assert by_position.tolist() == [2, -1]


def test_the_two_parts_sum_to_the_prediction():
    model, words = random_model(4, 6)
    by_word, by_position = prediction_parts(model, words)
    y_pred = model(words).double()
    torch.testing.assert_close(by_word + by_position, y_pred)


def test_a_table_of_zeros_has_no_part():
    model, words = random_model(4, 6)
    nn.init.zeros_(model.positional_embeddings)
    _, by_position = prediction_parts(model, words)
    assert not by_position.any()


def test_rows_that_the_head_reads_alike_have_the_same_part():
    model = PositionalModel(2, 2)
    weight = [3.0, 4.0]
    table = [
        [4.0, 0.0],
        [0.0, 3.0],
    ]
    model.head.weight.data = torch.tensor([weight])
    model.positional_embeddings.data = torch.tensor(table)
    words = torch.zeros(2, 2)
    _, by_position = prediction_parts(model, words)
    # 3 * 4 + 4 * 0 and 3 * 0 + 4 * 3
    assert by_position.tolist() == [12, 12]


def test_the_parts_are_not_rounded_to_float32():
    model = PositionalModel(1, 2, fixed_head=True)  # w is 1 1
    row = torch.tensor([[2.0**24, 1.0]])
    model.positional_embeddings.data = row
    by_word, by_position = prediction_parts(model, row)
    assert by_word.item() == 2**24 + 1  # which float32 rounds to 2**24
    assert by_position.item() == 2**24 + 1


def test_the_parts_are_plain_numbers_that_no_gradient_is_asked_of():
    model, words = random_model(4, 6)
    by_word, by_position = prediction_parts(model, words)
    assert not by_word.requires_grad
    assert not by_position.requires_grad


# ---- the loss
# Below the words answer 1 4 1 4, the positions add 0 0 1 1, and 0 1 2 3 is right.

BY_WORD = [1.0, 4.0, 1.0, 4.0]
BY_POSITION = [0.0, 0.0, 1.0, 1.0]


def loss_by_hand(**options):
    model = model_of(BY_POSITION)
    return average_loss(model, one_number_a_row(BY_WORD), ZERO_TO_THREE, **options)


def test_the_loss_of_words_in_order_by_hand():
    assert loss_by_hand() == 3.5  # y_pred is 1 4 2 5: (1² + 3² + 0² + 2²) / 4


def test_the_loss_of_shuffled_words_by_hand():
    # At position 0 the answer is 1 or 4, and 0 is right: (1² + 4²) / 2 = 8.5.
    # At 1 it is 1 or 4, and 1 is right: 4.5. At 2, 2 or 5 for 2: 4.5. At 3, 2 or 5 for 3: 2.5.
    assert loss_by_hand(shuffle=True) == 5  # (8.5 + 4.5 + 4.5 + 2.5) / 4


@in_order_and_shuffled
def test_the_loss_is_that_of_the_predictions_over_every_order(shuffle):
    model, words = random_model(4, 6)
    orders = permutations(range(4)) if shuffle else [range(4)]
    predictions = torch.stack([model(words[[*order]]) for order in orders])
    expected = (predictions - EVENLY).square().mean().item()
    assert average_loss(model, words, EVENLY, shuffle) == approx(expected, rel=1e-5)


def test_the_loss_is_the_one_that_an_epoch_returns():
    model, words = random_model(4, 6)
    loss = average_loss(model, words, EVENLY)
    assert train_epoch(model, words, EVENLY, lr=0.1) == approx(loss, rel=1e-6)


def test_a_loss_is_not_rounded_away_in_float32():
    model = model_of([2.0**-30])
    words = one_number_a_row([1.0])
    # The answer is 1 + 2**-30, which is 1 in float32, and 1 is right.
    assert average_loss(model, words, torch.tensor([1.0])) == 2.0**-60


# ---- the floor


def test_with_one_target_a_word_the_floor_is_exactly_zero():
    assert loss_floor(FOUR_WORDS, EVENLY) == 0


def test_the_floor_of_two_words_twice_is_a_ninth():
    # machine has the targets 0 and 2/3, learning 1/3 and 1: all are 1/3 from their word's mean
    assert loss_floor(TWICE, EVENLY) == approx(1 / 9)


def test_the_floor_of_one_word_everywhere_is_the_variance_of_the_targets():
    assert loss_floor(ALL_THE_SAME, EVENLY) == approx(5 / 36)


def test_the_floor_counts_a_word_as_often_as_it_stands_there():
    # a is right with 0, 0 and 3, whose mean is 1: (1² + 1² + 2²) / 4. b has one target.
    assert loss_floor(["a", "b", "a", "a"], torch.tensor([0.0, 9.0, 0.0, 3.0])) == 1.5


@pytest.mark.parametrize(
    "words",
    [FOUR_WORDS, TWICE, ALL_THE_SAME],
    ids=["four words", "two words twice", "one word"],
)
def test_shuffled_the_floor_is_the_variance_of_the_targets(words):
    assert loss_floor(words, EVENLY, shuffle=True) == approx(5 / 36)


def some_words_and_targets(seed):
    """Return seven words, some of which are equal, and their targets."""
    rng = random.Random(seed)
    words = rng.choices("abcd", k=7)
    y_true = [rng.gauss(0, 1) for _ in words]
    return words, y_true


SEEDS = pytest.mark.parametrize("seed", range(5), ids=lambda seed: f"seed {seed}")


def least_squares(pairs):
    """Return what the best answer for each word leaves: pairs are of a word and a target."""
    words, targets = zip(*pairs, strict=True)
    one_hot = torch.tensor([[word == letter for letter in "abcd"] for word in words])
    one_hot = one_hot.double()
    targets = torch.tensor(targets, dtype=torch.float64)[:, None]
    answers = torch.linalg.lstsq(one_hot, targets, driver="gelsd").solution
    return (one_hot @ answers - targets).square().mean().item()


@SEEDS
def test_the_floor_is_what_least_squares_leaves_of_one_hot_words(seed):
    words, y_true = some_words_and_targets(seed)
    pairs = zip(words, y_true, strict=True)
    assert loss_floor(words, y_true) == approx(least_squares(pairs), abs=1e-12)


@SEEDS
def test_shuffled_the_floor_is_what_least_squares_leaves_of_every_word_everywhere(seed):
    words, y_true = some_words_and_targets(seed)
    pairs = [(word, target) for word in words for target in y_true]
    assert loss_floor(words, y_true, shuffle=True) == approx(least_squares(pairs))


def loss_of_one_answer_a_word(words, y_true, rng):
    """Return the loss of a model with random answers that knows no positions."""
    answers = {word: rng.gauss(0, 1) for word in words}
    vectors = one_number_a_row([answers[word] for word in words])
    return average_loss(model_of([0.0] * len(words)), vectors, y_true)


@SEEDS
def test_no_answers_one_a_word_have_a_loss_below_the_floor(seed):
    words, y_true = some_words_and_targets(seed)
    rng = random.Random(seed)
    losses = [loss_of_one_answer_a_word(words, y_true, rng) for _ in range(100)]
    assert min(losses) >= loss_floor(words, y_true)


@pytest.mark.parametrize(
    "n",
    [1, 3, 7, 1000],
    ids=["1 word", "3 words", "7 words", "1000 words"],
)
@in_order_and_shuffled
def test_where_targets_are_equal_in_float32_the_floor_is_exactly_zero(n, shuffle):
    words = ["machine"] * n
    y_true = torch.tensor([0.1] * n)  # no binary fraction: sums of it are rounded
    assert loss_floor(words, y_true, shuffle) == 0, "a rounding error is taken for a floor"


def test_targets_that_differ_in_float32_have_a_floor():
    y_true = torch.tensor([1.0, 1.0000001])  # 1 and 1 + 2**-23
    assert loss_floor(["machine", "machine"], y_true) == 2.0**-48  # (2**-24)²


# ---- the evidence


def plain(evidence):
    """Return the evidence as a dictionary of numbers and lists of numbers."""
    values = evidence._asdict()
    assert evidence.by_word.dtype == evidence.by_position.dtype == torch.float64
    lists = {name: values[name].tolist() for name in ("by_word", "by_position")}
    return values | lists


def evidence_by_hand(**options):
    model = model_of(BY_POSITION)
    baseline = without_table(model)
    words = one_number_a_row(BY_WORD)
    return plain(measure(model, baseline, TWICE, words, ZERO_TO_THREE, **options))


def test_the_evidence_of_words_in_order_by_hand():
    assert evidence_by_hand() == {
        "loss": 3.5,  # y_pred is 1 4 2 5: (1² + 3² + 0² + 2²) / 4
        "baseline_loss": 3.0,  # y_pred is 1 4 1 4: (1² + 3² + 1² + 1²) / 4
        "floor": 1.0,  # machine has the targets 0 2, learning 1 3: all are 1 from their mean
        "by_word": BY_WORD,
        "by_position": BY_POSITION,
    }


def test_the_evidence_of_shuffled_words_by_hand():
    assert evidence_by_hand(shuffle=True) == {
        "loss": 5.0,  # see above
        "baseline_loss": 4.5,  # 1 or 4 where 0, 1, 2, 3 is right: 8.5, 4.5, 2.5, 2.5
        "floor": 1.25,  # every word meets every target, so the best answer is their mean
        "by_word": [2.5] * 4,  # any word may stand there: (1 + 4 + 1 + 4) / 4
        "by_position": BY_POSITION,
    }


def random_case(seed):
    """Return up to five words, and of each an answer, a part by position and a target."""
    rng = random.Random(seed)
    n = 1 + seed % 5
    words = rng.choices("abc", k=n)
    numbers = [rng.randint(-99, 99) / 32 for _ in range(3)]  # exact in float32 too
    answers = {word: rng.choice(numbers) for word in words}
    by_word = [answers[word] for word in words]
    by_position = rng.choices(numbers, k=n)
    y_true = rng.choices(numbers, k=n)
    return words, by_word, by_position, y_true


def loss_in_plain_python(orders, by_position, y_true):
    errors = [
        answer + part - target
        for by_word in orders
        for answer, part, target in zip(by_word, by_position, y_true, strict=True)
    ]
    return fmean(error**2 for error in errors)


def floor_in_plain_python(words, y_true):
    """Return the variance of the targets within their words."""
    pairs = list(zip(words, y_true, strict=True))
    targets = {word: [y for other, y in pairs if other == word] for word in words}
    return fmean(pvariance(targets[word]) for word in words)


@pytest.mark.parametrize("seed", range(20), ids=lambda seed: f"seed {seed}")
@in_order_and_shuffled
def test_the_evidence_in_plain_python(seed, shuffle):
    words, by_word, by_position, y_true = random_case(seed)
    orders = list(permutations(by_word)) if shuffle else [by_word]
    expected = {
        "loss": loss_in_plain_python(orders, by_position, y_true),
        "baseline_loss": loss_in_plain_python(orders, [0] * len(words), y_true),
        "floor": pvariance(y_true) if shuffle else floor_in_plain_python(words, y_true),
        "by_word": [fmean(by_word)] * len(words) if shuffle else by_word,
        "by_position": by_position,
    }
    model = model_of(by_position)
    vectors = one_number_a_row(by_word)
    evidence = measure(model, without_table(model), words, vectors, y_true, shuffle)
    shown = plain(evidence)
    assert shown.keys() == expected.keys()
    for name, value in expected.items():
        assert shown[name] == approx(value, rel=1e-9, abs=1e-12), name


# ---- the baseline


def trained_models(
    words,
    y_true=EVENLY,
    *,
    epochs=20,
    lr=0.02,
    shuffle=False,
    fixed_head=False,
    seed=0,
):
    """Return a model and a baseline, trained from one head on the same orders."""
    torch.manual_seed(seed)
    vectors = load_word_embeddings(words)
    model = PositionalModel(*vectors.shape, fixed_head)
    baseline = without_table(model)
    orders = torch.get_rng_state()
    train(model, vectors, y_true, epochs=epochs, lr=lr, shuffle=shuffle)
    torch.set_rng_state(orders)
    train(baseline, vectors, y_true, epochs=epochs, lr=lr, shuffle=shuffle)
    return model, baseline


def trained(words, y_true=EVENLY, *, shuffle=False, **settings):
    """Return the evidence of such a model and baseline."""
    models = trained_models(words, y_true, shuffle=shuffle, **settings)
    return measure(*models, words, load_word_embeddings(words), y_true, shuffle)


def test_where_words_tell_all_the_baseline_is_almost_as_good():
    evidence = trained(FOUR_WORDS)
    assert evidence.loss == approx(2.162e-4, rel=1e-3)
    assert evidence.baseline_loss == approx(2.47e-4, rel=3e-3)


def test_where_words_tell_half_the_baseline_stays_on_the_floor():
    evidence = trained(TWICE, epochs=500)
    assert evidence.loss == approx(8.788e-6, rel=1e-2)
    assert evidence.baseline_loss == approx(1 / 9, rel=1e-4)


def test_where_words_tell_nothing_the_baseline_stays_above_the_floor():
    evidence = trained(FOUR_WORDS, epochs=500, shuffle=True)
    assert evidence.loss == approx(3.479e-6, rel=1e-2)
    assert evidence.baseline_loss == approx(0.145, rel=1e-3)  # 5/36, the floor, is 0.139


def test_under_a_fixed_head_the_baseline_stays_where_it_began():
    targets = torch.tensor([0.6, 0.9, 1.7, 2.5])
    evidence = trained(FOUR_WORDS, targets, lr=0.01, fixed_head=True)
    assert evidence.loss == approx(2.278e-4, rel=1e-3)
    assert evidence.baseline_loss == approx(22.6534, abs=5.1e-5)


def test_with_a_fixed_head_no_epoch_changes_the_baselines_loss():
    model = PositionalModel(4, 50, fixed_head=True)
    baseline = without_table(model)
    vectors = load_word_embeddings(FOUR_WORDS)
    first, *others = train(baseline, vectors, EVENLY, epochs=5, lr=0.02)
    assert others == [first] * 4


@in_order_and_shuffled
def test_before_training_a_model_and_its_baseline_have_the_same_loss(shuffle):
    evidence = trained(TWICE, epochs=0, shuffle=shuffle)
    assert evidence.loss == evidence.baseline_loss


@SEEDS
@in_order_and_shuffled
def test_the_baseline_is_never_below_the_floor(seed, shuffle):
    evidence = trained(TWICE, epochs=100, shuffle=shuffle, seed=seed)
    assert evidence.baseline_loss >= evidence.floor


def test_shuffled_a_fixed_head_cannot_unlearn_the_words():
    evidence = trained(FOUR_WORDS, epochs=100, shuffle=True, fixed_head=True)
    by_word = load_word_embeddings(FOUR_WORDS).sum(dim=1)  # w is all ones
    assert evidence.loss > by_word.var(correction=0)


def printed_without_table(stdout):
    """Return the baseline's two losses as the report has them."""
    _, _, second, *_ = stdout.split("\n\n")[-2].splitlines()  # after a heading and the model's
    assert second.startswith("the same model without a table ")
    return [float(loss) for loss in second.split()[-2:]]


@pytest.mark.parametrize(
    ("option", "settings"),
    [
        pytest.param([], {}, id="in order"),
        pytest.param(["--shuffle"], {"shuffle": True}, id="shuffled"),
        pytest.param(["--fixed-head"], {"fixed_head": True}, id="fixed head"),
    ],
)
def test_a_run_trains_its_baseline_from_the_same_head_on_the_same_orders(command, option, settings):
    _, stdout, _ = command("--words", *TWICE, "--epochs", 3, "--seed", 3, *option)
    pairs = trained_models(TWICE, epochs=3, seed=3, **settings)
    vectors = load_word_embeddings(TWICE)
    expected = [
        measure(*pairs, TWICE, vectors, EVENLY, over_all).baseline_loss
        for over_all in (False, True)
    ]
    assert printed_without_table(stdout) == approx(expected, rel=1e-4)


# ---- whom the floor binds


class Transformer(nn.Module):
    """One layer of self-attention, with a learned table and a causal mask or without."""

    def __init__(self, use_table, causal):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(4, 16), requires_grad=use_table)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0)
        self.head = nn.Linear(16, 1)
        every_word_later = torch.ones(4, 4).triu(1).bool()
        self.mask = every_word_later if causal else None  # what is hidden

    def forward(self, words):
        words = self.layer(words + self.table, src_mask=self.mask)
        return self.head(words).squeeze(-1)


def final_loss(model):
    """Return the loss on machine learning machine learning after training by Adam."""
    words = torch.randn(2, 16)[[0, 1, 0, 1]]
    adam = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(150):
        loss = nn.functional.mse_loss(model(words), EVENLY)
        adam.zero_grad()
        loss.backward()
        adam.step()
    return loss.item()


@pytest.mark.parametrize(
    ("use_table", "causal", "share_of_floor"),
    [
        pytest.param(False, False, 1, id="no table and no mask: the floor"),
        # A causal layer tells the first machine from the second, for the first sees itself alone.
        # Both learning see as much of either word, and keep their error: half of all.
        pytest.param(False, True, 1 / 2, id="no table and a causal mask: half the floor"),
        pytest.param(True, False, 0, id="a table and no mask: nothing"),
    ],
)
def test_the_floor_binds_self_attention_without_table_and_mask(use_table, causal, share_of_floor):
    model = Transformer(use_table, causal)
    expected = share_of_floor * loss_floor(TWICE, EVENLY)
    assert final_loss(model) == approx(expected, rel=1e-3, abs=1e-5)


# ---- what a notebook may hand over

MODEL = model_of(BY_POSITION)
VECTORS = one_number_a_row(BY_WORD)


def train_a_copy(y_true, vectors=VECTORS, **options):
    return train(copy.deepcopy(MODEL), vectors, y_true, epochs=2, lr=0.1, **options)


def loss_of_model(y_true, vectors=VECTORS, **options):
    return average_loss(MODEL, vectors, y_true, **options)


def floor_of_twice(y_true, **options):
    return loss_floor(TWICE, y_true, **options)


def evidence_of_model(y_true, vectors=VECTORS, **options):
    return plain(measure(MODEL, MODEL, TWICE, vectors, y_true, **options))


USES = pytest.mark.parametrize(
    "use",
    [train_a_copy, loss_of_model, floor_of_twice, evidence_of_model],
    ids=["train", "average_loss", "loss_floor", "measure"],
)


def array(numbers):
    return pytest.importorskip("numpy").array(numbers)


@USES
@pytest.mark.parametrize(
    "form",
    [list, tuple, array, torch.tensor],
    ids=["a list", "a tuple", "an array", "a tensor of whole numbers"],
)
def test_targets_can_be(form, use):
    assert use(form([0, 1, 2, 3])) == use(ZERO_TO_THREE)


@USES
@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((4, 1), id="a column"),
        pytest.param((1, 4), id="a row"),
        pytest.param((3,), id="one too few"),
        pytest.param((5,), id="one too many"),
        pytest.param((1,), id="one"),
        pytest.param((), id="a number"),
    ],
)
@in_order_and_shuffled
def test_targets_of_another_shape_than_the_words_are_refused(shape, use, shuffle):
    with pytest.raises(ValueError, match="y_true"):
        use(torch.zeros(shape), shuffle=shuffle)


@pytest.mark.parametrize(
    "use",
    [train_a_copy, loss_of_model, evidence_of_model],
    ids=["train", "average_loss", "measure"],
)
@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((1, 1), id="one word for all positions"),
        pytest.param((3, 1), id="a word too few"),
        pytest.param((5, 1), id="a word too many"),
        pytest.param((4, 2), id="a dimension too many"),
    ],
)
@in_order_and_shuffled
def test_vectors_of_another_shape_than_the_table_are_refused(shape, use, shuffle):
    with pytest.raises(ValueError, match=r"\[4, 1\]"):
        use(ZERO_TO_THREE, vectors=torch.zeros(shape), shuffle=shuffle)


@pytest.mark.parametrize(
    "shape",
    [(2, 4, 1), (4,)],
    ids=["a batch", "no dimension"],
)
def test_the_parts_of_a_batch_or_a_single_row_are_refused(shape):
    with pytest.raises(ValueError, match=r"\[4, 1\]"):
        prediction_parts(MODEL, torch.zeros(shape))


def test_another_number_of_words_than_of_targets_is_refused():
    with pytest.raises(ValueError, match="y_true"):
        loss_floor(["a", "b", "c"], EVENLY)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param([7, 9, 7, 9], id="a list of ids"),
        pytest.param(("machine", "learning") * 2, id="a tuple"),
        pytest.param((word for word in TWICE), id="a generator"),
        pytest.param(dict(enumerate(TWICE)).values(), id="the values of a dict"),
    ],
)
def test_words_can_be(words):
    assert loss_floor(words, EVENLY) == approx(1 / 9)


def test_words_can_be_an_array_of_ids():
    assert loss_floor(array([7, 9, 7, 9]), EVENLY) == approx(1 / 9)


@pytest.mark.parametrize(
    "source",
    [None, "random"],
    ids=["own vectors", "random vectors"],
)
def test_word_vectors_are_had_for_a_generator_of_words_too(source):
    vectors = load_word_embeddings((word for word in TWICE), source)
    assert vectors.shape == (4, 50)


def measure_words(words):
    return plain(measure(MODEL, MODEL, words, VECTORS, ZERO_TO_THREE))


def test_the_evidence_is_had_for_a_generator_of_words_too():
    evidence = measure_words(word for word in TWICE)
    assert evidence == measure_words(TWICE)


def floor_of_words(words):
    return loss_floor(words, ZERO_TO_THREE)


def random_vectors_of_words(words):
    return load_word_embeddings(words, "random")


@pytest.mark.parametrize(
    "use",
    [load_word_embeddings, random_vectors_of_words, floor_of_words, measure_words],
    ids=["own vectors", "random vectors", "loss_floor", "measure"],
)
@pytest.mark.parametrize(
    "words",
    ["abab", torch.tensor([7, 9, 7, 9])],
    ids=["a string of letters", "a tensor, whose items all differ"],
)
def test_words_cannot_be(words, use):
    with pytest.raises(TypeError, match="list of words"):
        use(words)
