"""The README: its commands print what it shows, its Python runs, its options are the script's."""

import re
import runpy
from decimal import Decimal

import pytest
import torch
from conftest import ROOT

import learnable_positional_embeddings as lpe

README = (ROOT / "README.md").read_text(encoding="utf-8")
CONSOLE = r"^```console\n\$ python learnable_positional_embeddings\.py ?(.*)\n([^`]*)```$"
PYTHON = r"^```python\n([^`]*)```$"
RUN = r"^\| (\(no options\)|`--.*?`) \| ([\d.e-]+) \| ([\d.e-]+) \| (.*) \|$"
NUMBER = r"-?\d+\.\d+(?:e[-+]\d+)?"


def every(pattern):
    """Return what matches in the README as cases; those that take seconds are slow."""
    cases = []
    for found in re.findall(pattern, README, re.MULTILINE):
        is_slow = re.search("--compare|TransformerEncoderLayer", str(found))
        marks = [pytest.mark.slow] if is_slow else []
        cases.append(pytest.param(found, marks=marks))
    return cases


def assert_as_shown(printed, shown):
    """Numbers may differ by one in the last digit shown."""
    for ours, theirs in zip(printed, shown, strict=True):
        one = 10.0 ** Decimal(theirs).as_tuple().exponent
        assert float(ours) == pytest.approx(float(theirs), abs=1.01 * one)


@pytest.mark.parametrize("console", every(CONSOLE))
def test_a_console_shows_what_its_command_prints(command, tmp_path, monkeypatch, console):
    options, shown = console
    if "--plot" in options:
        pytest.importorskip("matplotlib", reason="needs matplotlib")
    monkeypatch.chdir(tmp_path)
    numbers = re.findall(NUMBER, shown)
    text = re.escape(re.sub(NUMBER, "#", shown))
    for number in numbers:  # as wide as shown
        text = text.replace(r"\#", f"({'.' * len(number)})", 1)
    pattern = text.replace(re.escape("...\n"), r"(?:.*\n)*?")  # dots stand for lines left out
    match = re.fullmatch(pattern, command(*options.split())[1])
    assert match, f"the command does not print\n{shown}"
    assert_as_shown(match.groups(), numbers)


@pytest.mark.parametrize("row", every(RUN))
def test_a_row_of_the_table_of_runs_shows_losses_and_answers(command, tmp_path, row):
    options, *losses, answers = row
    options = options.strip("`").removeprefix("(no options)").split()
    report = command(*options, "--save", tmp_path / "model.pt")[1]
    printed = re.search("with the table +(.*)", report)[1]
    assert_as_shown(printed.split(), losses)
    saved = torch.load(tmp_path / "model.pt", weights_only=True)
    model = lpe.PositionalModel(*saved["word_embeddings"].shape)
    model.load_state_dict(saved["model_state_dict"])
    backwards = saved["word_embeddings"].flip(0)
    answers = answers.replace("−", "-").split(", ")
    assert_as_shown(model(backwards).tolist(), answers)


@pytest.fixture
def run_block(tmp_path, monkeypatch, command, capfd):
    """Run a block of Python in a folder with a checkpoint; return the numbers that it prints."""

    def run(block):
        monkeypatch.chdir(tmp_path)
        command("--fixed-head", "--epochs", 2, "--save", "model.pt")
        (tmp_path / "block.py").write_text(block, encoding="utf-8")
        runpy.run_path("block.py")
        return re.findall(NUMBER, capfd.readouterr().out)

    return run


@pytest.mark.parametrize("block", every(PYTHON))
def test_a_block_of_python_runs_and_prints_the_numbers_of_its_comments(run_block, block):
    comments = " ".join(re.findall("#.*", block))
    shown = re.findall(NUMBER, comments)
    assert_as_shown(run_block(block)[: len(shown)], shown)


def test_the_notebook_without_glove_has_the_losses_that_it_published(run_block):
    blocks = re.findall(PYTHON, README, re.MULTILINE)
    [losses] = [run_block(block) for block in blocks if "fixed_head=True" in block]
    first, *_, last = losses
    assert_as_shown([first, last], ["1.5351", "0.0032"])


def test_every_console_is_tested():
    consoles = every(CONSOLE)
    assert len(consoles) == README.count("```console")


def test_the_table_of_options_has_the_names_and_the_numbers_of_the_help(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")  # an option a line
    option = r"^  (--[a-z-]+)(?: ([A-Z]+))?(?:.*default: ([\d.]+))?"
    row = r"^\| `(--[a-z-]+)(?: ([A-Z]+))?.*?` \| ([\d.]*)"
    table = README.partition("| option |")[2]
    of_help = re.findall(option, command("--help")[1], re.MULTILINE)
    assert re.findall(row, table, re.MULTILINE) == of_help


def test_the_two_commands_that_ci_runs_end_in_the_script_and_in_the_tests():
    first, second = re.findall(r"^```sh\n(python3 -m venv .*)\n```$", README, re.MULTILINE)
    assert first.endswith(" .venv/bin/python learnable_positional_embeddings.py")
    assert second.endswith(" .venv/bin/pytest")
