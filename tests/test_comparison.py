"""The comparison: six kinds of positions on two kinds of vectors, each trained from ten seeds."""

import contextlib
import functools
import io
import math
import re
from statistics import median
from types import SimpleNamespace

import pytest
import torch
from conftest import FOUR_WORDS

import learnable_positional_embeddings as lpe

WORDS = ["dog", "man", "dog", "man"]
VECTORS = torch.tensor([[1, 2], [0.5, -1], [1, 2], [0.5, -1]])
Y_TRUE = torch.tensor([1.0, 2, 3, 6])
NAMES = ["none", "sinusoidal", "random", "learned 0", "learned 0.02", "learned 1"]
ORDERS = pytest.mark.parametrize(
    ("order", "shuffle"),
    [([], False), (["--shuffle"], True)],
    ids=["in order", "shuffled"],
)


def stdout_of(*options):
    """Run a command line that must end well; return what it prints."""
    stdout = io.StringIO()
    with contextlib.redirect_stdout(stdout):
        assert lpe.main(options) == 0
    return stdout.getvalue()


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Compare on the words above, for two epochs, with more options; return what is printed.

    Printed once, it is kept for the next test that asks for the same.
    """
    path = tmp_path_factory.mktemp("vectors") / "small.txt"
    path.write_text("dog 1 2\nman 0.5 -1\n")
    words = ["--words", *WORDS, "--targets", 1, 2, 3, 6, "--vectors", path]

    @functools.cache
    def run(*options):
        return stdout_of("--compare", *words, "--epochs", 2, *options)

    return run


def rows(stdout):
    """Return the six numbers of each kind: median, lowest, highest, on either kind of vectors."""
    cell = r"(\S+) \[ *(\S+), *(\S+)\]"
    found = re.findall(rf"(?m)^(\w.*?) +{cell} +{cell}$", stdout)
    return {name: numbers for name, *numbers in found}


def comparison(stdout):
    """Return what stands under the report."""
    return stdout[stdout.index("loss after training, ") :]


# ---------------------------------------------------------------------------- kinds


KINDS = pytest.mark.parametrize(
    ("name", "start", "is_learned"),
    [
        ("none", torch.zeros, False),
        ("sinusoidal", lpe.sinusoidal_embeddings, False),
        ("random", torch.randn, False),
        ("learned 0", torch.zeros, True),
        ("learned 0.02", lambda n, dim: 0.02 * torch.randn(n, dim), True),
        ("learned 1", torch.randn, True),
    ],
    ids=NAMES,
)


def random_vectors():
    """Draw a vector for dog and one for man, of the size that pretrained ones have."""
    size = 1.25  # the root of the mean square: (1 + 4 + 0.25 + 1) / 4 = 1.5625
    return size * torch.randn(2, 2)[[0, 1, 0, 1]]


def loss_of_seed(seed, draw_vectors, first_table, is_learned, shuffle):
    """Return the loss of one model; --seed promises numbers, so the order of drawing counts."""
    torch.manual_seed(seed)
    vectors = draw_vectors()  # drawn first
    model = lpe.PositionalModel(4, 2)  # second: the head
    table = first_table(4, 2)  # third
    model.positional_embeddings = torch.nn.Parameter(table, requires_grad=is_learned)
    lpe.train(model, vectors, Y_TRUE, epochs=5, lr=0.1, shuffle=shuffle)  # last: the orders
    return lpe.average_loss(model, vectors, Y_TRUE, shuffle)


def digits_of_ten_seeds(*how):
    losses = [loss_of_seed(seed, *how) for seed in range(3, 13)]
    return [f"{loss:.1e}" for loss in (median(losses), min(losses), max(losses))]


@ORDERS
@KINDS
def test_a_row_has_median_lowest_and_highest_loss_of_ten_seeds(
    compared, name, start, is_learned, order, shuffle
):
    stdout = compared("--seed", 3, "--epochs", 5, "--lr", 0.1, *order)
    expected = digits_of_ten_seeds(lambda: VECTORS, start, is_learned, shuffle)
    assert rows(stdout)[name][:3] == expected


@ORDERS
def test_a_seed_draws_random_vectors_then_head_table_and_orders(compared, order, shuffle):
    stdout = compared("--seed", 3, "--epochs", 5, "--lr", 0.1, *order)
    expected = digits_of_ten_seeds(random_vectors, torch.randn, True, shuffle)
    assert rows(stdout)["learned 1"][3:] == expected, "drawn in another order, or on another seed"


def test_the_kinds_stand_in_this_order(compared):
    assert [*rows(compared())] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_is_explained_under_the_table(compared, name):
    explanation = comparison(compared()).split("\n\n")[1]
    assert f"\n{name}  " in f"\n{explanation}"


def test_a_row_that_is_still_falling_is_said_to_show_speed_alone(compared):
    last = compared().splitlines()[-1]
    assert "still falling shows how fast it learns, not how far" in last


def test_the_heading_names_the_seeds_and_what_is_shown_of_them(compared):
    heading = comparison(compared("--seed", 3)).splitlines()[0]
    assert heading == "loss after training, 10 seeds from 3: median [lowest, highest]"


def test_the_columns_are_pretrained_and_random_vectors(compared):
    names = comparison(compared()).splitlines()[1]
    assert re.split("  +", names.strip()) == ["pretrained vectors", "random vectors of that size"]


def test_no_line_of_the_comparison_is_wider_than_80_columns(compared):
    table = comparison(compared("--seed", 2**63 - 1))
    assert [line for line in table.splitlines() if len(line) > 80] == []


@ORDERS
def test_learned_from_zeros_is_what_the_run_above_it_did(monkeypatch, order, shuffle):
    monkeypatch.setattr(lpe, "SEEDS", 1)  # the run's own seed
    stdout = stdout_of("--compare", "--epochs", 2, *order)
    losses = re.search(r"(?m)^with the table +(\S+) +(\S+)$", stdout)
    loss = losses[2 if shuffle else 1]
    assert rows(stdout)["learned 0"][0] == f"{float(loss):.1e}"


@pytest.mark.parametrize(
    ("options", "floor"),
    [
        ([], "2.5e+00"),  # dog has targets 1 3, man 2 6: from the middle 1 2 1 2
        (["--shuffle"], "3.5e+00"),  # all have the mean 3: from it 2 1 0 3
        (["--targets", 1, 2, 1, 2], "0.0e+00"),
    ],
    ids=["in order", "shuffled", "one target a word"],
)
def test_the_last_row_is_the_floor(compared, options, floor):
    assert f"\nfloor         {floor}\n\n" in compared(*options)


# ---------------------------------------------------------------------------- numbers


def test_of_ten_losses_the_median_is_between_the_middle_two():
    powers = [8.0, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096]
    assert lpe.spread(powers) == "1.9e+02 [8.0e+00, 4.1e+03]"  # 192


def test_the_losses_are_sorted_first():
    assert lpe.spread([3.0, 1.0, 2.0]) == "2.0e+00 [1.0e+00, 3.0e+00]"


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (0.0, "<1e-09"),
        (9.9e-10, "<1e-09"),
        (1e-9, "1.0e-09"),
        (1.26e-3, "1.3e-03"),
        (math.inf, "inf"),
    ],
    ids=["zero", "rounding", "the smallest shown", "two digits", "overflow"],
)
def test_a_loss_has_two_digits_unless_it_may_be_rounding_or_overflows(loss, text):
    assert lpe.spread([loss]).split()[0] == text


@pytest.mark.parametrize("loss", [math.inf, 1e-30], ids=["inf", "rounding"])
def test_rows_of_all_sizes_are_equally_wide(loss):
    assert len(lpe.spread([loss])) == len(lpe.spread([0.5]))


@pytest.fixture(scope="module")
def overflowing():
    """The rows of a run that just does not overflow, while some of the comparison does."""
    twice = ["machine", "learning", "machine", "learning"]
    return rows(stdout_of("--compare", "--words", *twice, "--lr", 0.12, "--epochs", 8))


def test_a_loss_that_overflows_is_inf_and_ends_nothing(overflowing):
    assert overflowing["learned 0"][2] == "inf"
    assert [*overflowing] == NAMES


def test_a_loss_that_is_no_number_is_inf_too(overflowing):
    """It is not at least 1e-9 either, so it could be taken for almost zero."""
    assert overflowing["learned 1"] == ["inf"] * 6


@pytest.fixture(scope="module")
def default():
    """The rows of the comparison without other options."""
    return rows(stdout_of("--compare"))


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("none", [1.64e-3, 6.2e-5]),
        ("sinusoidal", [1.54e-4, 1.1e-5]),
        ("learned 0", [1.45e-3, 5.1e-5]),
        ("learned 0.02", [1.48e-3, 4.7e-5]),
    ],
    ids=["none", "sinusoidal", "learned 0", "learned 0.02"],
)
def test_the_published_medians_of_the_default_run(default, name, published):
    medians = [float(default[name][0]), float(default[name][3])]
    assert medians == pytest.approx(published, rel=0.05)  # two digits are printed


@pytest.mark.parametrize("name", ["random", "learned 1"], ids=str)
def test_a_large_random_table_reaches_almost_zero_trained_or_not(default, name):
    assert (default[name][0], default[name][3]) == ("<1e-09", "<1e-09")


# ---------------------------------------------------------------------------- options of the run


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--epochs", 3], id="epochs"),
        pytest.param(["--lr", 0.3], id="lr"),
        pytest.param(["--seed", 1], id="seed"),
        pytest.param(["--shuffle"], id="shuffle"),
        pytest.param(["--targets", 1, 2, 1, 2], id="targets"),
        pytest.param(["--words", "man", "man", "dog", "dog"], id="words"),
    ],
)
def test_an_option_of_the_run_holds_in_the_comparison_too(compared, options):
    assert rows(compared(*options)) != rows(compared())


@ORDERS
def test_the_report_stands_above_the_comparison_as_it_is_without(order, shuffle):
    report = stdout_of("--epochs", 2, *order)
    assert stdout_of("--epochs", 2, *order, "--compare").startswith(f"{report}\nloss after")


def test_without_the_option_nothing_is_compared():
    assert "seeds from" not in stdout_of("--epochs", 2)


def test_the_largest_seed_can_be_compared(compared):
    assert [*rows(compared("--seed", 2**63 - 1))] == NAMES


# ---------------------------------------------------------------------------- pretrained vectors


def test_the_comparison_stays_when_the_run_is_on_random_vectors():
    on_pretrained = stdout_of("--compare", "--epochs", 2)
    on_random = stdout_of("--compare", "--epochs", 2, "--vectors", "random")
    assert comparison(on_random) == comparison(on_pretrained)


@pytest.fixture
def damaged(data_folder):
    """Have gensim's vectors on disk, but damaged: only those of the bundled words can be had."""
    folder = data_folder / "glove-wiki-gigaword-50"
    folder.mkdir(parents=True)
    (folder / "glove-wiki-gigaword-50.gz").write_bytes(b"damaged")


@pytest.mark.usefixtures("damaged")
def test_pretrained_vectors_that_cannot_be_had_are_missed_before_the_training(refused):
    line = refused(1, "--compare", "--vectors", "random", "--words", "dog", "man")
    assert "cannot read" in line  # and, as `refused` has seen, nothing stands on stdout


@pytest.mark.usefixtures("damaged")
def test_a_run_on_random_vectors_that_is_not_compared_takes_no_pretrained_ones():
    assert stdout_of("--vectors", "random", "--words", "dog", "man")


# ---------------------------------------------------------------------------- Ctrl-C


@pytest.fixture
def interrupted(command, monkeypatch, tmp_path):
    """Run a comparison that is interrupted at its third row; return (status, stdout, stderr)."""

    def ctrl_c(n, dim):
        raise KeyboardInterrupt

    monkeypatch.setitem(lpe.KINDS, "random", ctrl_c)
    options = ["--epochs", 2, "--save", tmp_path / "run.pt"]
    status, stdout, stderr = command("--compare", "--words", *FOUR_WORDS, *options)
    return SimpleNamespace(status=status, stdout=stdout, stderr=stderr)


def test_ctrl_c_ends_the_comparison_with_status_130_and_one_line(interrupted):
    assert interrupted.status == 130
    assert interrupted.stderr == "learnable_positional_embeddings.py: interrupted\n"


def test_ctrl_c_leaves_the_rows_that_are_known(interrupted):
    assert [*rows(interrupted.stdout)] == ["none", "sinusoidal"]


def test_ctrl_c_in_the_comparison_leaves_the_report(interrupted):
    report = stdout_of("--epochs", 2)
    assert interrupted.stdout.startswith(report)


def test_ctrl_c_in_the_comparison_leaves_the_file(interrupted, tmp_path):
    assert torch.load(tmp_path / "run.pt")["model_state_dict"], "the checkpoint is lost"
