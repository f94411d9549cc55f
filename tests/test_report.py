"""The report: what is printed is what the exported names compute, said in the right words."""

import math
import re
from statistics import median

import pytest
import torch
from conftest import ERROR

import learnable_positional_embeddings as lpe

TWICE = "--words machine learning machine learning"
MANY = f"--words {' '.join(f'w{i}' for i in range(41))} --vectors random"
RUNS = ["", "--shuffle --epochs 100", TWICE, f"{TWICE} --fixed-head --epochs 1", MANY]
RUNS += [f"{MANY} --shuffle", "--targets 3 3 3 3 --seed 7", "--shuffle --epochs 1 --lr 1e-9"]
RUNS += ["--lr 6e9 --epochs 1", "--lr 1e-12 --targets -999.9996 999.9996 1e-30 -99999999999"]
RUNS += ["--shuffle --lr 1.234567e-38 --seed 9223372036854775807 --epochs 1000"]
RUNS += [f"--words {'w' * 99} --vectors random"]
DIGITS = {"rtol": 1e-4, "atol": 6e-7}  # that are printed
LOSSES = "loss after training", "floor: one answer per word", "loss of always saying the mean"
BELOW, NOT_BELOW, NAN = "is below that: positions", "is not below that: it does not show", math.nan
SHARES = "variance of the prediction", "part that words cannot tell", "floor removed by position"


@pytest.fixture(params=RUNS, ids=lambda options: re.sub(r" w\d+", "", options) or "default")
def run(request, command):
    """The options of a run, what it prints, and what the exported names give for them."""
    args = lpe.parse_args(request.param.split())
    status, args.stdout, stderr = command(*request.param.split())
    assert (status, stderr, re.search(r"\bnan\b|-0\.0+(?![\de])", args.stdout)) == (0, "", None)
    assert max(map(len, args.stdout.splitlines())) <= 80
    torch.manual_seed(args.seed)
    data = lpe.load_word_embeddings(args.words, args.vectors), torch.tensor(args.targets)
    model = lpe.PositionalModel(*data[0].shape, args.fixed_head)
    args.losses = lpe.train(model, *data, epochs=args.epochs, lr=args.lr, shuffle=args.shuffle)
    a, c = lpe.prediction_parts(model, data[0])
    args.evidence = lpe.measure(args.words, data[1], a, c, args.shuffle)
    a = a.mean().expand_as(a) if args.shuffle else a
    shown = [i for i in range(len(c)) if len(c) <= 40 or not 3 <= i < len(c) - 3]
    args.places = [[f"{i}"] if args.shuffle else [f"{i}", args.words[i][:13]] for i in shown]
    args.table = model.positional_embeddings[shown].detach()
    args.predictions = torch.stack([data[1], a + c, a, c], dim=1)[shown].float()
    return args


def test_the_header_says_what_is_trained_and_how(run):
    words, vectors, training, loss = run.stdout.split("\n\n")[0].splitlines()
    assert words == f"words     {' '.join(run.words)}"[:80]
    assert vectors == f"vectors   50 dimensions, {run.vectors or 'glove-wiki-gigaword-50'}"
    how = ", shuffled" if run.shuffle else ", fixed head" if run.fixed_head else ""
    options = f"{run.epochs} epochs{how}, lr {run.lr:g}, seed {run.seed}"
    assert training == f"training  {options}"[:80]
    order = "in the order of the epoch, " if run.shuffle else ""
    assert loss == f"loss      {order}before each step"


def test_the_loss_of_every_epoch(run):
    lines = re.findall(r"^epoch +(\d+)/(\d+)  loss (\S+)$", run.stdout, re.MULTILINE)
    epochs = enumerate(run.losses, start=1)
    assert lines == [(f"{k}", f"{run.epochs}", f"{loss:#.5g}") for k, loss in epochs]


def test_the_learned_table_and_the_names_of_its_rows(run):
    rows = re.findall(r"^position (\d.*)\n((?: .*\d\n)+)", run.stdout, re.MULTILINE)
    assert [[part[:13] for part in place.split(", ")] for place, _ in rows] == run.places
    which = ", the first and last 3" if len(run.words) > 40 else ""
    title = f"\npositional embeddings: {len(run.words)} positions x 50 dimensions{which}\n"
    assert title in run.stdout
    printed = torch.tensor([[float(number) for number in row.split()] for _, row in rows])
    torch.testing.assert_close(printed, run.table, **DIGITS)


def test_the_predictions_under_the_names_of_their_parts(run):
    header, *rows = re.search(r"(?m)^position.*y_true.*\n(?: .*\n)+", run.stdout)[0].splitlines()
    assert [row.split()[:-4] for row in rows] == run.places
    assert header.split()[1] == ("y_true" if run.shuffle else "word")
    printed = torch.tensor([[float(number) for number in row.split()[-4:]] for row in rows])
    torch.testing.assert_close(printed, run.predictions, **DIGITS)
    ends = [name.end() for name in re.finditer("y_true|y_pred|by word|by position", header)]
    for row in rows:
        assert [number.end() for number in re.finditer(r"\S+", row)][-4:] == ends


def test_the_evidence_under_its_names_and_then_what_it_shows(run):
    *_, lines, sentences = run.stdout.split("\n\n")
    assert sentences == f"{lpe.conclusion(run.evidence, run.shuffle, run.fixed_head)}\n"
    assert lines.count("averaged over all orders") == (2 if run.shuffle else 0)
    names = [*LOSSES, *SHARES][: 6 if run.evidence.floor > 0 else 5]
    assert [line.split("  ")[0] for line in lines.splitlines()] == names
    losses = [f"{loss:.4e}" for loss in run.evidence[:3]]
    shares = [lpe.percent(share) for share in run.evidence[3:] if not math.isnan(share)]
    assert re.findall(r"<?-?\d[^\s,]+(?: %)?", lines) == losses + shares


@pytest.mark.parametrize(
    ("final_loss", "floor", "mean_loss", "removed", "fixed_head", "says", "more"),
    [
        (0.1, 0, 0, NAN, False, "All targets are the same", False),
        (0.1, 0, 1, NAN, False, r"the\s+floor is 0", False),
        (0.09999, 0.1, 1, 0.989, False, BELOW, True),
        (0.05, 0.1, 1, 0.991, False, BELOW, False),
        (0.05, 0.1, 1, 0.5, True, BELOW, False),
        (0.0999999, 0.1, 1, 0.991, False, NOT_BELOW, True),  # both are printed 1.0000e-01
    ],
)
@pytest.mark.parametrize("shuffle", [False, True])
def test_the_conclusion(shuffle, final_loss, floor, mean_loss, removed, fixed_head, says, more):
    evidence = lpe.Evidence(final_loss, floor, mean_loss, 0.5, 0.5, 0.1, removed)
    text = lpe.conclusion(evidence, shuffle, fixed_head)
    assert re.search(says, text)
    said = ["More --epochs" in text, f"at least {floor:.4e}" in text, "averaged over" in text]
    assert said == [more, floor > 0, floor > 0 and shuffle]


def test_no_number_above_zero_is_printed_as_zero():
    numbers = {-0.0: "0.000000", 1e-5: "0.000010", -9e-6: "-9.0000e-06", 1000: "1.0000e+03"}
    shares = {-1e-9: "0.00 %", 1e-13: "0.00 %", 1e-9: "<0.01 %", 4e-5: "<0.01 %"}
    shares |= {-3e5: "-3.00e+07 %", 0.99968: "99.97 %"}
    losses = {0: "<1e-09", 9e-10: "<1e-09", 1e-9: "1.0e-09", 0.15: "1.5e-01", math.inf: "inf"}
    for write, texts in (lpe.number, numbers), (lpe.percent, shares), (lpe.short, losses):
        assert {value: write(value) for value in texts} == texts


@pytest.mark.parametrize("options", ["--lr 5", "--lr 1e20 --epochs 1", "--targets 0 0 0 1e30"])
def test_an_overflow_is_one_line_without_report_or_file(command, tmp_path, options):
    status, stdout, stderr = command(*options.split(), "--save", tmp_path / "run.pt")
    assert (status, [*tmp_path.iterdir()]) == (1, [])
    assert re.fullmatch(f"{ERROR}the loss overflows.*--lr.*\n", stderr)
    assert not re.search("inf|nan|loss after training", stdout)


@pytest.mark.parametrize("shuffle", [False, True])
def test_the_comparison_trains_ten_seeds_of_every_kind(command, shuffle):
    options = *TWICE.split(), "--seed", 3, "--epochs", 4, *["--shuffle"] * shuffle, "--compare"
    printed = command(*options)
    assert command(*options) == printed  # the same bytes
    lines = [" ".join(line.split()) for line in printed[1].splitlines()]
    words, y_true = TWICE.split()[1:], torch.tensor([0, 1 / 3, 2 / 3, 1])
    pretrained = lpe.load_word_embeddings(words)
    starts = {"none": torch.zeros, "sinusoidal": lpe.sinusoidal_embeddings, "random": torch.randn}
    starts |= {"learned 0": torch.zeros, "learned 1": torch.randn}
    starts["learned 0.02"] = lambda n, dim: 0.02 * torch.randn(n, dim)
    for kind, start in starts.items():
        pair = []
        for random in (False, True):
            losses = []
            for seed in range(3, 13):
                torch.manual_seed(seed)
                drawn = torch.randn(2, 50).repeat(2, 1) if random else 0
                vectors = drawn * pretrained.square().mean().sqrt() if random else pretrained
                model = lpe.PositionalModel(4, 50)
                model.positional_embeddings = torch.nn.Parameter(start(4, 50), "learned" in kind)
                lpe.train(model, vectors, y_true, epochs=4, lr=0.02, shuffle=shuffle)
                parts = lpe.prediction_parts(model, vectors)
                losses.append(lpe.measure(words, y_true, *parts, shuffle).final_loss)
            pair.append(f"{median(losses):.1e} [{min(losses):.1e}, {max(losses):.1e}]")
        assert " ".join([kind, *pair]) in lines
    assert f"floor {5 / 36 if shuffle else 1 / 9:.1e}" in lines
    assert printed[1].split("\n\n")[-2] in command(*options, "--vectors", "random")[1]
    assert "inf]" in command("--lr", 6e9, "--epochs", 1, "--compare")[1]  # an overflow ends nothing
