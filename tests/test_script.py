"""The script as a user runs it: a process of its own, no network, an empty folder."""

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import FOUR_WORDS, ROOT, SCRIPT

import learnable_positional_embeddings as script_module


def losses_of(output):
    """The losses that a run printed, one for every epoch."""
    return [
        float(loss) for loss in re.findall(r"^epoch +\d+/\d+  loss (\S+)$", output, re.MULTILINE)
    ]


def table_of(output):
    """The table that a run printed: {(position, word): its numbers}."""
    table = output[output.index("\npositional embeddings") :]
    sections = re.findall(r"^position (\d+), (\S+)\n((?:[ -].*\n?)+)", table, re.MULTILINE)
    return {(int(i), word): [float(x) for x in rows.split()] for i, word, rows in sections}


def test_default_run(script, tmp_path):
    run = script()
    assert (run.returncode, run.stderr) == (0, "")
    for said in [" ".join(FOUR_WORDS), "glove-wiki-gigaword-50", "50 dimensions", "20 epochs"]:
        assert said in run.stdout
    for said in ["learning rate 0.02", "seed 0", "cpu"]:
        assert said in run.stdout
    assert re.findall(r"^epoch ( 1|20)/20  loss \d\.\d{6}$", run.stdout, re.MULTILINE) == [
        " 1",
        "20",
    ]

    losses = losses_of(run.stdout)
    assert len(losses) == 20
    assert all(after < before for before, after in itertools.pairwise(losses))
    assert losses[-1] < 0.01 * losses[0]
    assert max(map(len, run.stdout.splitlines())) <= 80
    assert list((tmp_path / "cwd").iterdir()) == []
    assert not (tmp_path / "gensim-data").exists()

    # The same run through the names that the script exports gives the numbers that it printed.
    torch.manual_seed(0)
    embeddings = script_module.load_word_embeddings(FOUR_WORDS)
    model = script_module.PositionalModel(4, 50)
    y_true = torch.tensor([0, 1 / 3, 2 / 3, 1])
    ours = list(script_module.train(model, embeddings, y_true, epochs=20, lr=0.02))
    assert losses == pytest.approx(ours, abs=5.1e-7)
    predictions = re.findall(r"^ +(\d)  (\w+) +(\S+) +(\S+)$", run.stdout, re.MULTILINE)
    for i, (position, word, true, pred) in enumerate(predictions):
        assert (int(position), word) == (i, FOUR_WORDS[i])
        assert float(true) == pytest.approx(i / 3, abs=5.1e-7)
        assert float(pred) == pytest.approx(model(embeddings)[i].item(), abs=5.1e-7)
    assert len(predictions) == 4
    table = table_of(run.stdout)
    assert list(table) == list(enumerate(FOUR_WORDS))
    for (position, _), row in table.items():
        assert row == pytest.approx(model.positional_embeddings[position].tolist(), abs=5.1e-7)


def test_same_seed_same_bytes(command):
    first, again, other = command("--seed", 7), command("--seed", 7), command("--seed", 8)
    assert first == again
    assert losses_of(other[1]) != losses_of(first[1])


def test_help_ends_with_three_examples(command):
    status, stdout, stderr = command("--help")
    assert (status, stderr) == (0, "")
    examples = stdout.rstrip().splitlines()[-3:]
    assert all(line.split()[:2] == ["python", SCRIPT.name] for line in examples)
    for option, default in [("epochs", "20"), ("lr", "0.02"), ("seed", "0"), ("device", "cpu")]:
        assert re.search(
            rf"^  --{option} .*\(default: {re.escape(default)}\)$", stdout, re.MULTILINE
        )
    assert re.findall(r"'(\w+)'", stdout)[:4] == FOUR_WORDS


def test_one_word(command):
    status, stdout, stderr = command("--words", "machine")
    assert (status, stderr) == (0, "")
    assert "nan" not in stdout
    assert [len(row) for row in table_of(stdout).values()] == [50]


@pytest.mark.parametrize(("count", "shown"), [(40, 40), (41, 6), (100, 6)])
def test_long_sequence_is_summarised(command, count, shown):
    status, stdout, _ = command("--words", *["machine"] * count, "--lr", "0.001")
    assert status == 0
    table = table_of(stdout)
    assert len(table) == shown
    assert {0, 1, 2, count - 3, count - 2, count - 1} <= {position for position, _ in table}
    assert ("first and last 3" in stdout) == (shown < count)


def test_targets_and_epochs(command):
    _, stdout, _ = command("--targets", "-1", "2.5", "0", "7", "--epochs", "3", "--lr", "0.001")
    assert re.findall(r"^ +\d  \w+ +(\S+)", stdout, re.MULTILINE) == [
        "-1.000000",
        "2.500000",
        "0.000000",
        "7.000000",
    ]
    assert len(losses_of(stdout)) == 3


def test_closed_pipe_is_silent(environment):
    command = [sys.executable, SCRIPT, "--epochs", "5000"]
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **pipe) as process:
        lines = [process.stdout.readline() for _ in range(3)]
        process.stdout.close()
        assert process.stderr.read() == ""
    assert all(lines)
    assert process.returncode == 141  # as the shell says of a program that SIGPIPE ended


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_full_disk_is_one_line(environment):
    with open("/dev/full", "w") as full:
        run = subprocess.run(
            [sys.executable, SCRIPT],
            env=environment,
            stdout=full,
            stderr=-1,
            text=True,
            check=False,
        )
    assert run.returncode == 1
    assert re.fullmatch(
        r"\S+: error: cannot write the results: No space left on device\n", run.stderr
    )


def test_import_has_no_side_effect(environment, tmp_path):
    program = (
        "import sys; before = set(sys.modules); sys.path.insert(0, sys.argv[1]);"
        "from learnable_positional_embeddings import InputError, PositionalModel, main;"
        "from learnable_positional_embeddings import load_word_embeddings, train;"
        "assert not any(name.split('.')[0] == 'gensim' for name in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, ROOT],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=False,
        text=True,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_inline_metadata_names_the_same_requirements():
    lines = SCRIPT.read_text().splitlines()
    start = lines.index("# /// script")
    block = "\n".join(lines[start + 1 : lines.index("# ///", start)])
    inline = re.findall(r'"([^"]+)"', re.search(r"dependencies = \[(.*?)\]", block, re.DOTALL)[1])
    assert inline == (ROOT / "requirements.txt").read_text().split()


def test_top_level_is_four_entries():
    visible = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert visible - {"__pycache__"} == {SCRIPT.name, "requirements.txt", "README.md", "tests"}


BAD_COMMAND_LINES = [
    ["--epochs", value] for value in ["0", "-1", "2.5", "nan", "inf", "many", "", "9" * 5000]
]
BAD_COMMAND_LINES += [["--lr", value] for value in ["0", "-0.1", "nan", "inf", "1e39", "fast", ""]]
BAD_COMMAND_LINES += [["--seed", value] for value in ["0.5", "nan", "x", str(2**64), f"-{2**64}"]]
BAD_COMMAND_LINES += [
    ["--device", value] for value in ["gpu", "cuda:x", "cuda:99", "mkldnn", "meta", "", "mps:7"]
]
BAD_COMMAND_LINES += [["--words", value] for value in ["", " ", "two words", "tab\tbed", "a\n"]]
BAD_COMMAND_LINES += [
    ["--targets", *values]
    for values in [["1"], ["1"] * 5, ["1", "2", "3", "nan"], ["inf"] * 4, ["a"] * 4, ["1e39"] * 4]
]
BAD_COMMAND_LINES += [["--words"], ["--epochs"], ["--no-such-option"], ["stray"]]


@pytest.mark.parametrize("options", BAD_COMMAND_LINES, ids=lambda options: " ".join(options)[:30])
def test_bad_command_line(refused, options):
    line = refused(2, *options)
    assert options[0] in line or options == ["stray"]


@pytest.mark.parametrize("lr", ["5", "1e10", "3e38"])
def test_diverging_loss_names_the_epoch(command, lr):
    status, stdout, stderr = command("--lr", lr, "--epochs", 500)
    assert status == 1
    finished = len(losses_of(stdout))
    assert re.fullmatch(
        rf"learnable_\S+: error: the loss is \w+ after epoch {finished}: .*--lr.*\n", stderr
    )


def test_last_step_may_diverge_too(command):
    status, stdout, stderr = command("--lr", "3e38", "--epochs", 1)
    assert status == 1
    assert "positional embeddings" not in stdout
    assert re.search("after epoch 1: .*--lr", stderr)


def test_loss_that_overflows_at_once_is_not_blamed_on_lr(command):
    status, _, stderr = command("--targets", *["1e30"] * 4)
    assert status == 1
    assert "targets" in stderr
    assert "--lr" not in stderr
