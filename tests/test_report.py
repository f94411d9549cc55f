"""What a run prints: every number is the right one, in its place, and the sentences are true.

Most runs have a fixed head: it adds up the numbers of a word, whose part is then known by heart.

    dog  ( 1,    2)    part by word  3
    man  (-0.5, -1)    part by word -1.5
    one  ( 0.5,  0.5)  part by word  1
    nil  ( 0,    0)    part by word  0
"""

import re

import pytest
import torch
from conftest import EVENLY, FOUR_WORDS

import learnable_positional_embeddings as lpe

VECTORS = "dog 1 2\nman -0.5 -1\none 0.5 0.5\nmore 0.5 0.501\nnil 0 0\n"
SMALL = "--vectors small.txt --fixed-head --lr 0.25 --words"
REPEATED = "--words machine learning machine learning --lr 0.02"


@pytest.fixture
def report(command, tmp_path, monkeypatch):
    """Run a command line that must end well; return what it prints."""
    (tmp_path / "small.txt").write_text(VECTORS)
    monkeypatch.chdir(tmp_path)

    def run(options):
        status, stdout, stderr = command(*options.split())
        assert (status, stderr) == (0, "")
        return stdout

    return run


# ---- the whole report

# The errors are 3 - 1 = 2 and -1.5 + 0.5 = -1. A step takes lr * 2/n * error = 0.25 * error from
# both numbers of a row, so from the answer 0.5 * error: three steps leave 1/8 of the errors.
#   In this order: the errors are 0.25 and -0.125, the loss is (0.0625 + 0.015625) / 2.
#   In the other order: man at 0 is -1.5 - 1.75 - 1 = -4.25, dog at 1 is 3 + 0.875 + 0.5 = 4.375.
#   Their loss is (18.0625 + 19.140625) / 2 = 18.6015625, and the mean of both losses 9.3203125.
#   Without a table: 2 and -1, loss 2.5; -2.5 and 3.5, loss 9.25; their mean is 5.875.
#   The floor in random order: the targets are 0.75 from their mean.
BY_HAND = f"{SMALL} dog man --targets 1 -0.5 --epochs 3"
REPORT = """\
words     dog man
vectors   small.txt
training  3 epochs, lr 0.25, seed 0
head      fixed: w all ones, b zero
loss      before each step

epoch 1/3  loss 2.5000
epoch 2/3  loss 0.62500
epoch 3/3  loss 0.15625

positional embeddings: 2 positions x 2 dimensions

position 0, dog
   -0.875000   -0.875000

position 1, man
    0.437500    0.437500

by word: w · e + b; by position: w · p
position  word               y_true      y_pred  =  by word  +  by position
       0  dog              1.000000    1.250000    3.000000       -1.750000
       1  man             -0.500000   -0.625000   -1.500000        0.875000

losses                            in this order    in random order
with the table                         0.039062             9.3203
the same model without a table           2.5000             5.8750
floor: one answer per word                    0            0.56250

In this order one answer per word can be right everywhere: the floor is 0.
In random order always saying the targets' mean would do as well or better.
"""


def test_the_whole_report_by_hand(report):
    assert report(BY_HAND) == REPORT


def test_shuffled_any_word_may_stand_at_a_position(report):
    """A step takes half of the errors, 2 and -1 in one order and -2.5 and 3.5 in the other."""
    stdout = report(f"{BY_HAND} --shuffle --epochs 1")
    [loss] = re.findall("1/1  loss (.*)", stdout)
    rows = {
        2.5: ["1.000000 -0.250000 0.750000 -1.000000", "-0.500000 1.250000 0.750000 0.500000"],
        9.25: ["1.000000 2.000000 0.750000 1.250000", "-0.500000 -1.000000 0.750000 -1.750000"],
    }
    printed = re.findall(r"(?m)^ +\d  any word (.*)$", stdout)
    assert [" ".join(row.split()) for row in printed] == rows[float(loss)]
    assert stdout.count(", any word\n") == 2
    assert "by word: w · e + b, the mean of the words;" in stdout
    assert re.search(r"without a table +2\.50* +5\.8750*\n", stdout)


@pytest.mark.parametrize(
    ("options", "source", "shuffle"),
    [("", None, False), ("--vectors random", "random", False), ("--shuffle", None, True)],
)
def test_a_run_trains_model_and_baseline_from_its_seed(report, options, source, shuffle):
    stdout = report(f"{options} --seed 3 --epochs 20 --lr 0.02")
    torch.manual_seed(3)
    vectors = lpe.load_word_embeddings(FOUR_WORDS, source)
    model = lpe.PositionalModel(4, 50)
    models = [model, lpe.without_table(model)]
    settings = {"epochs": 20, "lr": 0.02, "shuffle": shuffle}
    losses = [loss for loss, _ in lpe.train_together(models, vectors, EVENLY, **settings)]
    for each in models:
        losses += [lpe.average_loss(each, vectors, EVENLY, order) for order in (False, True)]
    evidence = stdout.partition("in random order")[2].partition("floor")[0]
    printed = re.findall(r"/20  loss (\S+)", stdout) + re.findall(r"\d\S+", evidence)
    assert [*map(float, printed)] == pytest.approx(losses, rel=1e-4)


# ---- the header


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (f"--words {'machine ' * 10}", f"words     {' '.join(['machine'] * 8)} ..."),
        ("", "vectors   glove-wiki-gigaword-50 (the script's own copy)"),
        (f"--words dog --vectors {'.' + '/' * 60}small.txt", f"vectors   .{'/' * 60}small.txt"),
        (f"--words dog --vectors {'.' + '/' * 61}small.txt", f"vectors   ...{'/' * 58}small.txt"),
        ("--shuffle", "order     shuffled every epoch; the loss is that of its order"),
        ("--lr 1e-9 --seed 7", "training  1 epochs, lr 1e-09, seed 7\nloss      before each step"),
    ],
)
def test_a_line_of_the_header(report, options, line):
    assert f"\n{line}\n" in "\n" + report(f"--epochs 1 {options}")


def test_other_vectors_are_not_called_the_scripts_own(report, monkeypatch):
    monkeypatch.setattr(lpe, "load_word_embeddings", lambda *_: torch.ones(1, 2))
    assert "\nvectors   glove-wiki-gigaword-50\n" in report("--words dog --epochs 1")


# ---- epochs, positions and numbers


def test_the_numbers_of_the_epochs_stand_under_each_other(report):
    assert re.search(r"\nepoch  1/10  loss 2\.50*\n", report(f"{BY_HAND} --epochs 10"))


@pytest.mark.parametrize(("n", "shown"), [(40, [*range(40)]), (41, [0, 1, 2, 38, 39, 40])])
def test_of_more_than_40_positions_the_first_and_last_three_are_shown(report, n, shown):
    words = [f"w{i}" for i in range(n)]
    stdout = report(f"--vectors random --epochs 1 --words {' '.join(words)}")
    labels = re.findall(r"(?m)^(?:position)? +(\d+),?  ?(w\d+)\b", stdout)
    assert labels == 2 * [(f"{i}", f"w{i}") for i in shown], "of the table and the predictions"
    assert len(re.findall(r"(?m)^( +-?\d\.\S+){6}$", stdout)) == 8 * len(shown)  # and 2, of 50
    assert ("dimensions, the first and last 3\n" in stdout) == (n > 40)


def test_a_number_has_decimals_or_an_exponent_where_they_show_too_little(report):
    stdout = report(f"{SMALL} {'nil ' * 7} --targets -0 -2.5 11e-6 9e-6 -999.5 1000 -1e9")
    rows = re.findall(r"(?m)^ +\d  nil +(\S+)", stdout)
    large = ["-999.500000", "1.0000e+03", "-1.0000e+09"]
    assert rows == ["0.000000", "-2.500000", "0.000011", "9.0000e-06", *large]


@pytest.mark.parametrize(
    ("target", "loss"),  # the square
    [
        (0, "0"),
        (111.1, "12343"),
        (1e-15, "1.0000e-30"),
        (1e18, "1.0000e+36"),
    ],
)
def test_a_loss_has_five_significant_digits_and_only_zero_is_0(report, target, loss):
    assert f"1/1  loss {loss}\n" in report(f"{SMALL} nil --targets {target} --epochs 1")


@pytest.mark.parametrize(
    "options",
    [
        f"{SMALL} nil nil --targets -0 0 --shuffle",
        "--words a b c d --vectors random --targets -999.9996 1e-30 1e11 7 --lr 1e-12",
        "--lr 6e9 --epochs 1",
        f"--lr 1.234567e-38 --seed {2**63 - 1}",
        f"--words {('w' * 99 + ' ') * 41} --vectors random",
    ],
)
def test_nothing_is_wider_than_80_columns_or_minus_zero(report, options):
    stdout = report(options)
    assert max(map(len, stdout.splitlines())) <= 80
    assert not re.search(r"-0\.0+(?!\d)", stdout)


# ---- the conclusion

SAME = "All targets are the same"
WORSE = "worse than always saying the targets' mean. If the loss rose, try a smaller --lr"
FIXED = "worse than always saying the targets' mean. A fixed head cannot unlearn the words"
FLOOR_0 = "In this order one answer per word can be right everywhere"
USED = "In this order the loss is below the floor: positions were used"
NO_PROOF = "In this order the loss is not below the floor"
KNOWN = "In random order the loss is below the floor: something about positions is known"
AS_MEAN = "In random order always saying the targets' mean would do as well or better"
ROSE = "Without a table the loss rose"
TASK = "--words machine learning machine learning --epochs 500"
LONGER = "A longer run may bring the loss lower"
SENTENCES = SAME, WORSE, FIXED, FLOOR_0, USED, NO_PROOF, KNOWN, AS_MEAN, ROSE, TASK, LONGER

# Without a table the errors are 2, -3.5, 0, -7.5 and the loss is 18.125. A step leaves 0.9 of
# the errors at lr 0.1, and 0.81 of the loss. The floors: 1 3 and 2 6 are 1 and 2 from their means,
# so 2.5 in this order; and 1 2 3 6 are 2 1 0 3 from theirs, so 3.5 in random order.
FOUR = f"{SMALL} dog man dog man --targets 1 2 3 6 --lr 0.1"
TIE = f"{SMALL} one one --targets 0 2 --lr 1e-9 --epochs 2"  # the loss is 1 - 1e-9, both floors 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--targets 3 3 3 3", [SAME]),
        (f"{BY_HAND} --epochs 1", [WORSE]),  # 0.625 > 0.5625
        (f"{BY_HAND} --epochs 2", [FLOOR_0, AS_MEAN]),  # 0.15625
        (f"{BY_HAND} --shuffle", [FIXED]),
        (f"{FOUR} --epochs 8", [NO_PROOF, AS_MEAN]),  # 3.36
        (f"{FOUR} --epochs 10", [USED, AS_MEAN]),  # 2.20
        (TIE, [NO_PROOF, AS_MEAN]),
        (f"{SMALL} more more --targets 0 2 --lr 1e-9", [NO_PROOF, AS_MEAN]),  # 1 + 1e-6
        (f"{REPEATED} --epochs 50", [USED, AS_MEAN, LONGER]),
        (f"{REPEATED} --epochs 500", [USED, KNOWN]),
        ("--lr 0.02 --epochs 20", [FLOOR_0, AS_MEAN, TASK]),
        ("--lr 0.1 --epochs 20", [FLOOR_0, AS_MEAN, ROSE, TASK]),
        ("--lr 0.02 --epochs 2 --shuffle", [WORSE]),
        ("--lr 0.02 --epochs 100 --shuffle", [FLOOR_0, KNOWN, LONGER]),
    ],
)
def test_what_is_concluded(report, options, said):
    conclusion = " ".join(report(options).rpartition("\n\n")[2].split())
    assert [sentence for sentence in SENTENCES if sentence in conclusion] == said


def test_a_baseline_that_overflows_is_inf_in_both_columns(report):
    stdout = report("--lr 0.068 --epochs 2000")
    assert re.search(r"\nthe same model without a table +inf +inf\n", stdout)
    assert ROSE in stdout
