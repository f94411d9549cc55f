"""The report: every number is the right one, in its place, and the sentences are true of them.

Most runs have two words of two dimensions and a fixed head, which can be worked out by hand:

    dog   vector (1, 2)      part by word 1 + 2 = 3         target 1      error 2
    man   vector (0.5, -1)   part by word 0.5 - 1 = -0.5    target 0.5    error -1

A step takes lr · 2/n · error · w = 0.25 · error from both numbers of a row, since w is (1, 1). So
the part by position changes by -0.5 · error: every epoch halves the errors.
"""

import re
from types import SimpleNamespace

import pytest
import torch
from conftest import ERROR, FOUR_WORDS

import learnable_positional_embeddings as lpe

TWICE = ["--words", "machine", "learning", "machine", "learning"]
W41 = [f"w{i}" for i in range(41)]
Y_TRUE = torch.tensor([0, 1 / 3, 2 / 3, 1])


@pytest.fixture
def report(command):
    """Run a command line that must end well; return what it prints."""

    def run(*options):
        status, stdout, stderr = command(*options)
        assert (status, stderr) == (0, "")
        return stdout

    return run


@pytest.fixture
def by_hand(report, tmp_path, monkeypatch):
    """Run the words of this file's first lines, for one epoch, with more options."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.txt").write_text("dog 1 2\nman 0.5 -1\n")

    def run(*options):
        words = ["--words", "dog", "man", "--targets", 1, 0.5, "--vectors", "small.txt"]
        training = ["--fixed-head", "--lr", 0.25, "--epochs", 1]
        return report(*words, *training, *options)

    return run


def epoch_lines(stdout):
    """Return the lines of the epochs."""
    return [line for line in stdout.splitlines() if line.startswith("epoch")]


def table_rows(stdout):
    """Return the learned table as printed: a list of numbers for each position."""
    blocks = re.findall(r"^position \d+, .*\n((?: .*\n)+)", stdout, re.MULTILINE)
    return [[float(number) for number in block.split()] for block in blocks]


def prediction_lines(stdout):
    """Return the lines of the predictions, the first of which names the columns."""
    return stdout[stdout.index("position  word") :].partition("\n\n")[0].splitlines()


def predictions(stdout):
    """Return the columns y_true, y_pred, by word and by position, as tensors."""
    numbers = [line.split()[-4:] for line in prediction_lines(stdout)[1:]]
    rows = [[float(number) for number in row] for row in numbers]
    return torch.tensor(rows, dtype=torch.float64).T


def loss_lines(stdout):
    """Return the lines of the evidence, the first of which is its heading."""
    return stdout.split("\n\n")[-2].splitlines()


def losses(stdout):
    """Return two columns: with the table, without one, the floor; in this order, in random."""
    pairs = [line.split()[-2:] for line in loss_lines(stdout)[1:]]
    return [[float(pair[column]) for pair in pairs] for column in (0, 1)]


def conclusion_of(stdout):
    """Return the last sentences of a report, on one line."""
    return " ".join(stdout.split("\n\n")[-1].split())


def test_the_report_goes_from_the_raw_numbers_to_what_they_mean(by_hand):
    stdout = by_hand()
    parts = ["words ", "epoch 1/1", "positional embeddings:", "y_pred", "losses", "This is worse"]
    assert sorted(parts, key=stdout.index) == parts


# ---------------------------------------------------------------------------- header and epochs


def test_the_header_says_what_is_trained_and_how(by_hand):
    stdout = by_hand("--seed", 7)
    assert stdout.splitlines()[:3] == [
        "words     dog man",
        "vectors   small.txt",
        "training  1 epochs, lr 0.25, seed 7",
    ]


def test_without_an_option_the_vectors_are_called_after_gensims_model(report):
    assert "\nvectors   glove-wiki-gigaword-50 (the script's own copy)\n" in report()


def test_the_header_names_a_fixed_head(by_hand):
    assert "\nhead      fixed" in by_hand()


def test_the_header_does_not_name_a_head_that_is_trained(report):
    assert "\nhead" not in report()


def test_the_header_says_that_words_are_shuffled(by_hand):
    assert "\norder     shuffled every epoch" in by_hand("--shuffle")


def test_the_header_does_not_speak_of_shuffling_when_words_keep_their_order(by_hand):
    assert "shuffle" not in by_hand()


def test_the_header_says_that_a_loss_is_taken_before_the_step(by_hand):
    header = by_hand().split("\n\n")[0]
    assert header.splitlines()[-1] == "loss      before each step"


def test_a_long_file_name_does_not_widen_the_header(report, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "v" * 98 + "w"
    (tmp_path / name).write_text("dog 1 2\n")
    stdout = report("--words", "dog", "--vectors", name)
    assert f"\nvectors   ...{'v' * 66}w\n" in stdout  # 80 characters


def test_every_epoch_has_a_line_with_five_significant_digits_of_its_loss(by_hand):
    assert epoch_lines(by_hand("--epochs", 3)) == [
        "epoch 1/3  loss 2.5000",  # the errors are 2 and -1: (4 + 1) / 2
        "epoch 2/3  loss 0.62500",  # they are halved, so their squares are quartered
        "epoch 3/3  loss 0.15625",
    ]


def test_the_numbers_of_the_epochs_stand_under_each_other(by_hand):
    first, *_, last = epoch_lines(by_hand("--epochs", 10))
    assert first.startswith("epoch  1/10  loss ")
    assert last.startswith("epoch 10/10  loss ")


def test_shuffled_the_loss_of_an_epoch_is_that_of_its_order(by_hand):
    lines = [epoch_lines(by_hand("--shuffle", "--seed", seed))[0] for seed in range(8)]
    # dog man: errors 2 and -1; man dog: errors -1.5 and 2.5
    assert {float(line.split()[-1]) for line in lines} == {2.5, 4.25}


# ---------------------------------------------------------------------------- against a training


def train_by_exported_names(*, source=None, shuffle=False, seed=0):
    """Train what the command line trains with these options."""
    torch.manual_seed(seed)
    vectors = lpe.load_word_embeddings(FOUR_WORDS, source)
    model = lpe.PositionalModel(4, 50)
    baseline = lpe.without_table(model)
    settings = {"epochs": 20, "lr": 0.02, "shuffle": shuffle}
    start = lpe.measure(model, baseline, FOUR_WORDS, vectors, Y_TRUE, shuffle)
    before = torch.get_rng_state()
    epoch_losses = lpe.train(model, vectors, Y_TRUE, **settings)
    torch.set_rng_state(before)  # so that the baseline is given the same orders
    lpe.train(baseline, vectors, Y_TRUE, **settings)
    columns = [
        lpe.measure(model, baseline, FOUR_WORDS, vectors, Y_TRUE, over_all)
        for over_all in (False, True)
    ]
    return SimpleNamespace(model=model, losses=epoch_losses, start=start, columns=columns)


RUNS = pytest.mark.parametrize(
    ("options", "settings"),
    [
        ([], {}),
        (["--shuffle"], {"shuffle": True}),
        (["--vectors", "random"], {"source": "random"}),
        (["--seed", 3, "--shuffle"], {"seed": 3, "shuffle": True}),
    ],
    ids=["default", "shuffled", "random vectors", "another seed"],
)


@RUNS
def test_the_printed_losses_are_those_that_train_returns(report, options, settings):
    expected = train_by_exported_names(**settings).losses
    printed = [line.split()[-1] for line in epoch_lines(report(*options))]
    assert printed == [lpe.five_digits(loss) for loss in expected]


@RUNS
def test_the_losses_are_those_that_measure_returns(report, options, settings):
    columns = train_by_exported_names(**settings).columns
    printed = losses(report(*options))
    assert printed == [
        [float(lpe.five_digits(loss)) for loss in (each.loss, each.baseline_loss, each.floor)]
        for each in columns
    ]


@RUNS
def test_the_printed_table_is_the_one_that_was_learned(report, options, settings):
    model = train_by_exported_names(**settings).model
    printed = torch.tensor(table_rows(report(*options)))
    expected = model.positional_embeddings.detach()
    torch.testing.assert_close(printed, expected, rtol=1e-4, atol=6e-7)  # the digits shown


@RUNS
def test_the_report_ends_with_the_conclusion_from_its_losses(report, options, settings):
    run = train_by_exported_names(**settings)
    shuffle = settings.get("shuffle", False)
    text = lpe.conclusion(run.start, *run.columns, shuffle, fixed_head=False)
    assert report(*options).endswith(f"\n\n{text}\n")


@pytest.mark.parametrize(
    "options",
    [[], ["--shuffle"], ["--vectors", "random"], ["--compare"]],
    ids=["in order", "shuffled", "random vectors", "compared"],
)
def test_the_same_seed_prints_the_same_bytes(command, options):
    options = ["--seed", 5, "--epochs", 2, *options]
    status, stdout, _ = command(*options)
    assert status == 0
    assert command(*options)[1] == stdout


@pytest.mark.parametrize("options", [[], ["--shuffle"]], ids=["in order", "shuffled"])
def test_another_seed_prints_other_numbers(report, options):
    first, second = report(*options, "--seed", 5), report(*options, "--seed", 6)
    assert first.split("\n\n")[1:] != second.split("\n\n")[1:], "the seed is in the header alone"


# ---------------------------------------------------------------------------- table


def test_the_table_stands_under_the_positions_and_their_words(by_hand):
    """After one epoch a row is -0.25 · error in both dimensions, and the errors are 2 and -1."""
    text = """
positional embeddings: 2 positions x 2 dimensions

position 0, dog
   -0.500000   -0.500000

position 1, man
    0.250000    0.250000

"""
    assert text in by_hand()


def test_the_table_has_six_numbers_a_line(report):
    block = report().split("\nposition 0, artificial\n")[1].split("\n\n")[0]
    counts = [len(line.split()) for line in block.splitlines()]
    assert counts == [6, 6, 6, 6, 6, 6, 6, 6, 2]  # 50


def test_up_to_40_positions_are_all_shown(report):
    stdout = report("--words", *W41[:40], "--vectors", "random", "--epochs", 1)
    assert re.findall(r"(?m)^position \d+, (\w+)$", stdout) == W41[:40]
    assert [line.split()[1] for line in prediction_lines(stdout)[1:]] == W41[:40]


def test_of_more_than_40_positions_the_first_and_last_three_are_shown(report):
    stdout = report("--words", *W41, "--vectors", "random", "--epochs", 1)
    shown = [("0", "w0"), ("1", "w1"), ("2", "w2"), ("38", "w38"), ("39", "w39"), ("40", "w40")]
    assert "41 positions x 50 dimensions, the first and last 3\n" in stdout
    assert re.findall(r"(?m)^position (\d+), (\w+)$", stdout) == shown
    assert re.findall(r"(?m)^ +(\d+)  (w\d+) ", stdout) == shown, "the predictions differ"


# ---------------------------------------------------------------------------- predictions


def test_the_predictions_are_shown_with_their_two_parts(by_hand):
    lines = [line.split() for line in prediction_lines(by_hand())[1:]]
    assert lines == [
        ["0", "dog", "1.000000", "2.000000", "3.000000", "-1.000000"],  # the error was 2, is 1
        ["1", "man", "0.500000", "0.000000", "-0.500000", "0.500000"],  # it was -1, is -0.5
    ]


def test_the_predictions_stand_right_under_the_names_of_their_columns(report):
    header, row, *_ = prediction_lines(report())
    names = [
        "y_true",
        "y_pred",
        "by word",
        "by position",
    ]
    numbers = re.finditer(r"\S+\.\S+", row)
    ends_of_names = [header.index(name) + len(name) for name in names]
    ends_of_numbers = [number.end() for number in numbers]
    assert ends_of_numbers == ends_of_names


@pytest.mark.parametrize(
    "options",
    [[], ["--shuffle"], [*TWICE, "--epochs", 200], ["--fixed-head"]],
    ids=["default", "shuffled", "positions at work", "fixed head"],
)
def test_the_two_parts_add_up_to_the_prediction(report, options):
    _, y_pred, by_word, by_position = predictions(report(*options))
    # Each of the three is rounded, by at most half of its sixth decimal
    torch.testing.assert_close(by_word + by_position, y_pred, rtol=0, atol=3 * 0.51e-6)


def test_shuffled_any_word_may_stand_at_a_position(by_hand):
    stdout = by_hand("--shuffle")
    assert re.findall(r"(?m)^position \d+, (.+)$", stdout) == ["any word", "any word"]
    assert re.findall(r"(?m)^ +\d+  (any word) ", stdout) == ["any word", "any word"]


def test_shuffled_the_part_by_word_is_the_mean_of_the_words(by_hand):
    stdout = by_hand("--shuffle")
    assert predictions(stdout)[2].tolist() == [1.25, 1.25]  # (3 - 0.5) / 2
    assert "by word: w · e + b, the mean of the words;" in stdout


def test_in_order_the_part_by_word_is_no_mean(by_hand):
    assert "by word: w · e + b; by position: w · p\n" in by_hand()


# ---------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(0.0, "0.000000", id="zero"),
        pytest.param(-0.0, "0.000000", id="minus zero"),
        pytest.param(-2.5, "-2.500000", id="six decimals"),
        pytest.param(1e-5, "0.000010", id="the smallest with decimals"),
        pytest.param(-1e-5, "-0.000010", id="the smallest below zero"),
        pytest.param(9e-6, "9.0000e-06", id="too small for decimals"),
        pytest.param(-1e-9, "-1.0000e-09", id="too small, below zero"),
        pytest.param(-999.5, "-999.500000", id="the largest with decimals"),
        pytest.param(1000.0, "1.0000e+03", id="too large for decimals"),
        pytest.param(-1e30, "-1.0000e+30", id="too large, below zero"),
    ],
)
def test_a_number_has_decimals_or_an_exponent_where_they_show_too_little(value, text):
    assert lpe.six_decimals(torch.tensor(value, dtype=torch.float64)) == f"{text:>12}"


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        pytest.param(0.0, "0", id="exactly zero"),
        pytest.param(2.5, "2.5000", id="zeros at the end count"),
        pytest.param(1 / 9, "0.11111", id="five ones"),
        pytest.param(0.00021620, "0.00021620", id="small"),
        pytest.param(8.78684e-6, "8.7868e-06", id="smaller"),
        pytest.param(1e-30, "1.0000e-30", id="next to zero"),
        pytest.param(12345.6, "12346", id="no decimals left"),
        pytest.param(1.1287e36, "1.1287e+36", id="huge"),
    ],
)
def test_a_loss_has_five_significant_digits_and_only_zero_is_0(loss, text):
    assert lpe.five_digits(loss) == text


EXTREMES = pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--targets", "-0", 1, 2, 3, "--fixed-head"], id="minus zero"),
        pytest.param(["--targets", 3, 3, 3, 3], id="equal targets"),
        pytest.param(["--targets", -999.9996, "1e-30", -1e11, 7, "--lr", 1e-12], id="any size"),
        pytest.param(["--lr", 6e9, "--epochs", 1], id="huge numbers"),
        pytest.param(["--lr", 1.234567e-38, "--seed", 2**63 - 1, "--shuffle"], id="tiny numbers"),
        pytest.param(["--words", *["w" * 99] * 41, "--vectors", "random"], id="long words"),
        pytest.param(["--fixed-head", "--shuffle", "--epochs", 1], id="fixed head, shuffled"),
    ],
)


@EXTREMES
def test_nothing_is_wider_than_80_columns(report, options):
    assert [line for line in report(*options).splitlines() if len(line) > 80] == []


@EXTREMES
def test_nothing_is_printed_as_nan_or_as_minus_zero(report, options):
    assert re.findall(r"\bnan\b|-0\.0+(?!\d)", report(*options)) == []


# ---------------------------------------------------------------------------- evidence


def test_the_losses_stand_under_each_other_in_this_order(by_hand):
    heading, *lines = loss_lines(by_hand())
    assert re.split("  +", heading) == ["losses", "in this order", "in random order"]
    assert [line.split("  ")[0] for line in lines] == [
        "with the table",
        "the same model without a table",
        "floor: one answer per word",
    ]
    ends = [[end.end() for end in re.finditer(r"\S(?=  |$)", line)][1:] for line in lines]
    end_of_first = heading.index("in this order") + len("in this order")
    assert ends == [[end_of_first, len(heading)]] * 3, "they do not end in the same columns"


LOSSES_BY_HAND = [
    [  # in this order
        0.625,  # with the table the errors are 1 and -0.5: (1 + 0.25) / 2
        2.5,  # without a table they stay 2 and -1
        0,  # the floor: each word has one target
    ],
    [  # in random order: also man dog, where the answers by word are -0.5 and 3
        # The parts by position are -1 and 0.5, the answers -1.5 and 3.5, the errors -2.5 and 3:
        4.125,  # 7.625, and 0.625 in this order
        3.375,  # the errors are -1.5 and 2.5: 4.25, and 2.5 in this order
        0.0625,  # each word meets each target: the mean is 0.75, so wrong by 0.25 both times
    ],
]


def test_the_losses_by_hand(by_hand):
    assert losses(by_hand()) == LOSSES_BY_HAND


def test_the_floor_of_words_with_two_targets_by_hand(by_hand):
    printed = losses(by_hand("--words", "dog", "man", "dog", "man", "--targets", 1, 2, 3, 6))
    [[_, _, floor], [_, _, floor_in_random_order]] = printed
    assert floor == 2.5  # 2 and 4: wrong by 1 2 1 2
    assert floor_in_random_order == 3.5  # 3: wrong by 2 1 0 3


def test_shuffled_the_losses_are_the_same_measurements(by_hand):
    stdout = by_hand("--shuffle")
    assert loss_lines(stdout)[0] == loss_lines(by_hand())[0]
    [[_, *in_this_order], [_, *in_random_order]] = losses(stdout)
    assert in_this_order == LOSSES_BY_HAND[0][1:]
    assert in_random_order == LOSSES_BY_HAND[1][1:]


def test_shuffled_the_loss_with_the_table_is_that_of_the_predictions(by_hand):
    stdout = by_hand("--shuffle")
    _, _, _, by_position = predictions(stdout)
    target = torch.tensor([1, 0.5])
    errors = [torch.tensor(by_word) + by_position - target for by_word in ([3, -0.5], [-0.5, 3])]
    left, right = (error.square().mean().item() for error in errors)
    [[in_this_order, *_], [in_random_order, *_]] = losses(stdout)
    assert [in_this_order, in_random_order] == pytest.approx([left, (left + right) / 2], rel=1e-4)


# ---------------------------------------------------------------------------- conclusion


def conclusion(*, shuffle=False, fixed_head=False, start=0.2, **values):
    """Return what is said of a run at half its floor in either column, but for the values given.

    `loss=0.2` is the loss in this order, `random_loss=0.2` that in random order.
    """
    columns = {"": {"loss": 0.05, "floor": 0.1}, "random_": {"loss": 0.5, "floor": 1.0}}
    evidence = []
    for prefix, column in columns.items():
        numbers = {"baseline_loss": 0.1} | column
        for name in numbers:
            numbers[name] = values.pop(f"{prefix}{name}", numbers[name])
        nothing = torch.zeros(0)
        evidence.append(lpe.Evidence(by_word=nothing, by_position=nothing, **numbers))
    assert not values
    before = evidence[shuffle]._replace(loss=start, baseline_loss=start)
    return " ".join(lpe.conclusion(before, *evidence, shuffle, fixed_head).split())


ORDERS = pytest.mark.parametrize("shuffle", [False, True], ids=["in order", "shuffled"])
HEADS = pytest.mark.parametrize("fixed_head", [False, True], ids=["trained head", "fixed head"])
USED = "In this order the loss is below the floor: positions were used."
NO_PROOF = "In this order the loss is not below the floor: it is no proof that positions were used."
FLOOR_0 = "In this order one answer per word can be right everywhere: the floor is 0."
KNOWN = "In random order the loss is below the floor: something about positions is known."
NOT_KNOWN = "In random order always saying the targets' mean would do as well or better."
DIVERGED = "Without a table the loss rose: with a smaller --lr the two can be compared."
HARDER = (
    "For a task that words alone cannot solve, run, without other options: "
    "--words machine learning machine learning --epochs 500"
)
LONGER = "A longer run may bring the loss lower."


@ORDERS
@HEADS
def test_equal_targets_leave_nothing_to_tell_apart(shuffle, fixed_head):
    text = conclusion(floor=0, random_floor=0, shuffle=shuffle, fixed_head=fixed_head)
    assert text == "All targets are the same: there is nothing to tell apart."


@ORDERS
@HEADS
@pytest.mark.parametrize("floor", [0, 0.1], ids=["floor 0", "a floor"])
def test_a_loss_above_that_of_the_mean_is_called_worse(floor, shuffle, fixed_head):
    trained = {"random_loss" if shuffle else "loss": 1.1}
    text = conclusion(floor=floor, shuffle=shuffle, fixed_head=fixed_head, **trained)
    assert text.startswith("This is worse than always saying the targets' mean.")
    assert "positions" not in text


@ORDERS
def test_a_loss_above_that_of_the_mean_in_the_other_column_is_not_called_worse(shuffle):
    other = {"loss" if shuffle else "random_loss": 1.1}
    assert "worse" not in conclusion(shuffle=shuffle, **other)


def test_of_a_loss_that_rose_a_smaller_lr_is_advised_before_more_epochs():
    text = conclusion(loss=1.1)
    assert "If the loss rose, try a smaller --lr. If it fell, more --epochs may help." in text


def test_shuffled_a_fixed_head_is_said_to_be_unable_to_unlearn_the_words():
    text = conclusion(random_loss=1.1, shuffle=True, fixed_head=True)
    assert (
        text
        == "This is worse than always saying the targets' mean. A fixed head cannot unlearn the words."
    )


def test_a_loss_that_prints_like_that_of_the_mean_is_not_called_worse():
    assert "worse" not in conclusion(loss=1.000001)  # both are printed 1.0000


def test_with_a_floor_of_zero_the_user_is_sent_to_a_harder_task():
    assert conclusion(floor=0) == f"{FLOOR_0} {KNOWN} {HARDER}"


def test_shuffled_the_user_is_not_sent_to_a_harder_task():
    assert HARDER not in conclusion(floor=0, shuffle=True)


@ORDERS
@pytest.mark.parametrize(
    ("loss", "floor", "said"),
    [(0.05, 0, FLOOR_0), (0.1, 0.1, NO_PROOF), (0.2, 0.1, NO_PROOF), (0.05, 0.1, USED)],
    ids=["floor 0", "at the floor", "above the floor", "below the floor"],
)
def test_of_a_fixed_head_one_sentence_a_column_is_said(loss, floor, said, shuffle):
    text = conclusion(loss=loss, floor=floor, fixed_head=True, shuffle=shuffle)
    assert text == f"{said} {KNOWN}"


@ORDERS
@HEADS
def test_a_loss_below_the_floor_shows_that_positions_were_used(shuffle, fixed_head):
    text = conclusion(loss=0.05, floor=0.1, shuffle=shuffle, fixed_head=fixed_head)
    assert text.startswith(USED)
    assert "no proof" not in text


@ORDERS
@pytest.mark.parametrize(
    "loss", [0.2, 0.1, 0.0999999], ids=["above", "at the floor", "printed like it"]
)
def test_a_loss_that_is_not_printed_below_the_floor_is_no_proof(loss, shuffle):
    assert conclusion(loss=loss, floor=0.1, shuffle=shuffle).startswith(NO_PROOF)


@ORDERS
@HEADS
@pytest.mark.parametrize(
    ("loss", "said"),
    [(0.5, KNOWN), (0.9999999, NOT_KNOWN), (1.0, NOT_KNOWN)],
    ids=["below", "printed like it", "at the floor"],
)
def test_in_random_order_a_loss_below_the_floor_shows_that_something_is_known(
    loss, said, shuffle, fixed_head
):
    text = conclusion(random_loss=loss, shuffle=shuffle, fixed_head=fixed_head)
    assert (said in text, "In random order" in text.replace(said, "")) == (True, False)


def test_in_random_order_a_loss_above_the_floor_is_no_lower():
    assert NOT_KNOWN in conclusion(random_loss=1.1)


@ORDERS
@HEADS
@pytest.mark.parametrize(
    ("loss", "is_said"),
    [(0.21, True), (0.2, False), (0.2000001, False), (float("inf"), True)],
    ids=["above", "as before", "printed like it", "overflow"],
)
def test_a_baseline_that_ends_above_its_start_is_said_to_have_diverged(
    loss, is_said, shuffle, fixed_head
):
    trained = {"random_baseline_loss" if shuffle else "baseline_loss": loss}
    text = conclusion(start=0.2, shuffle=shuffle, fixed_head=fixed_head, **trained)
    assert (DIVERGED in text) == is_said


@ORDERS
@pytest.mark.parametrize(
    ("share", "advised"),
    [(2, True), (0.5, True), (0.011, True), (0.01, False), (0.009, False)],
    ids=["above the floor", "half of it", "1.1 %", "1 %", "0.9 %"],
)
def test_a_longer_run_is_advised_until_a_hundredth_of_the_floor_is_left(share, advised, shuffle):
    trained = (
        {"random_floor": 0.1, "random_loss": share * 0.1} if shuffle else {"loss": share * 0.1}
    )
    advised = advised and not (shuffle and share > 1)  # worse than always saying the targets' mean
    assert (LONGER in conclusion(shuffle=shuffle, **trained)) == advised


def test_at_most_one_piece_of_advice_is_given():
    assert LONGER not in conclusion(floor=0)
    assert HARDER not in conclusion()


@ORDERS
def test_no_longer_run_and_no_harder_task_is_advised_to_a_fixed_head(shuffle):
    for floor in (0, 0.1):
        text = conclusion(loss=0.05, floor=floor, fixed_head=True, shuffle=shuffle)
        assert LONGER not in text
        assert HARDER not in text


@pytest.mark.parametrize(
    ("loss", "floor"),
    [(5e-10, 1e-9), (2e-9, 1e-9), (3, 1e-9), (0.5, 0)],
    ids=["below", "not below", "worse", "floor 0"],
)
@ORDERS
@HEADS
def test_no_sentence_is_wider_than_80_columns(loss, floor, shuffle, fixed_head):
    nothing = torch.zeros(0)
    left = lpe.Evidence(loss, 9.0, floor, nothing, nothing)
    start = left._replace(baseline_loss=1.0)
    for random_loss in (0.5, 1.0, 3.0):
        right = lpe.Evidence(random_loss, 9.0, 1.0, nothing, nothing)
        text = lpe.conclusion(start, left, right, shuffle, fixed_head)
        assert max(map(len, text.splitlines())) <= 80


def test_a_loss_that_exploded_is_answered_with_a_smaller_lr(report):
    text = conclusion_of(report(*TWICE, "--lr", 0.12, "--epochs", 8))  # it comes to 1e+36
    assert "try a smaller --lr" in text
    assert "longer run" not in text


def test_two_words_with_one_target_each_are_not_said_to_need_positions(report):
    text = conclusion_of(report(*TWICE, "--targets", 0, 1, 0, 1))
    assert FLOOR_0 in text
    assert "without other options" in text, "the task advised is this one, but for its targets"


def test_after_one_epoch_on_targets_close_together_the_mean_is_better(report):
    stdout = report(*TWICE, "--targets", 0, 0.0045, 0.009, 0.0135, "--epochs", 1)
    assert "worse than always saying the targets' mean" in conclusion_of(stdout)


@pytest.mark.parametrize(
    ("epochs", "said"), [(500, f"{USED} {KNOWN}"), (50, f"{USED} {NOT_KNOWN} {LONGER}")]
)
def test_positions_are_said_to_be_used_where_they_are(report, epochs, said):
    assert conclusion_of(report(*TWICE, "--epochs", epochs)) == said


def test_a_baseline_that_diverged_is_told_of_a_run(report):
    assert DIVERGED in conclusion_of(report("--lr", 0.1))


@pytest.mark.parametrize("order", [[], ["--shuffle"]], ids=["in order", "shuffled"])
def test_a_baseline_that_overflows_ends_no_run_and_is_inf(report, order):
    stdout = report("--lr", 0.12, "--epochs", 200, *order)
    assert [column[1] for column in losses(stdout)] == [float("inf")] * 2
    assert DIVERGED in conclusion_of(stdout)


# ---------------------------------------------------------------------------- overflow


OVERFLOWS = pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--lr", 5], id="a step too long"),
        pytest.param(["--lr", 1e20, "--epochs", 1], id="only the loss after the last step"),
        pytest.param(["--targets", 0, 0, 0, 1e30], id="the first loss"),
        pytest.param(["--lr", 5, "--shuffle", "--compare"], id="shuffled and compared"),
    ],
)


@OVERFLOWS
def test_an_overflow_is_one_line_that_says_what_to_try(command, options):
    status, _, stderr = command(*options)
    assert status == 1
    assert re.fullmatch(f"{ERROR}the loss overflows: try a smaller --lr.*\n", stderr)


@OVERFLOWS
def test_an_overflow_is_neither_reported_nor_compared(command, options):
    stdout = command(*options)[1]
    *_, last = stdout.strip().splitlines()
    assert last.startswith(("epoch", "loss      before each step")), "a report follows"


@OVERFLOWS
def test_a_loss_that_overflows_is_not_printed(command, options):
    assert not re.search("inf|nan", command(*options)[1])


@OVERFLOWS
def test_an_overflow_leaves_no_file(command, tmp_path, options):
    command(*options, "--save", tmp_path / "run.pt")
    assert [*tmp_path.iterdir()] == []


def test_an_overflow_leaves_no_figure(command, tmp_path):
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    command("--lr", 5, "--plot", tmp_path / "figure.png")
    assert [*tmp_path.iterdir()] == []
