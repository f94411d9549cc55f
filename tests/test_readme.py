"""The README: its commands give what it prints, its Python runs and prints what it promises."""

import re
import runpy

import pytest
from conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND = "python learnable_positional_embeddings.py"
CONSOLES = re.findall(r"```console\n\$ (.*?)\n(.*?)```", README, re.DOTALL)
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
NUMBER = re.compile(r"[-+−]?\d+\.\d+(?:e[-+]\d+)?")


def numbers(text):
    return [float(number.replace("−", "-")) for number in NUMBER.findall(text)]


def assert_same(printed, shown):
    """The same but for 1e-4 of a number, its last digit, and what is below 1e-9: processors differ."""
    assert NUMBER.sub("#", printed).split() == NUMBER.sub("#", shown).split()
    for ours, theirs in zip(NUMBER.findall(printed), NUMBER.findall(shown), strict=True):
        mantissa, _, exponent = theirs.partition("e")
        unit = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
        assert float(ours) == pytest.approx(float(theirs), rel=1e-4, abs=max(1.01 * unit, 1e-9))


@pytest.mark.parametrize(("typed", "shown"), CONSOLES, ids=["default", "compare"])
def test_consoles_show_what_the_command_prints(command, typed, shown):
    status, stdout, stderr = command(*typed.removeprefix(COMMAND).split())
    assert (status, stderr) == (0, "")
    lines = stdout.splitlines()
    for piece in shown.split("...\n"):  # what stands between dots follows on without a gap
        piece = piece.splitlines()
        masked = [NUMBER.sub("#", line) for line in piece]
        while [NUMBER.sub("#", line) for line in lines[: len(piece)]] != masked:
            assert lines, piece
            lines.pop(0)
        assert_same("\n".join(lines[: len(piece)]), "\n".join(piece))


def table_of_runs():
    table = re.search(r"^\| options .*\n\|[-|]+\n(?:\|.*\n)+", README, re.MULTILINE)[0]
    header, _, *rows = [re.split(r" ?`?\|`? ?", line)[1:-1] for line in table.splitlines()]
    for options, *cells in rows:
        yield options.strip("` ").removeprefix("none").split(), dict(zip(header[1:], cells))


@pytest.mark.parametrize(("options", "cells"), list(table_of_runs()))
def test_the_table_of_three_runs(command, options, cells):
    printed = dict(re.findall(r"^([a-z][a-z:_ ]+?)  +(\S.*)$", command(*options)[1], re.MULTILINE))
    for name, cell in cells.items():
        if cell == "–":
            assert name not in printed
        else:
            assert_same(re.sub(",? (of|averaged) .*", "", printed[name]), cell)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("\n")[3][:30])
def test_python_blocks_keep_their_promise(command, tmp_path, monkeypatch, capfd, block):
    monkeypatch.chdir(tmp_path)
    if "model.pt" in block:
        assert command("--save", "model.pt")[0] == 0
    (tmp_path / "block.py").write_text(block)
    runpy.run_path("block.py")
    printed = capfd.readouterr().out
    for promise in re.findall(r"print\(.*\)  # ([^:\n]*)$", block, re.MULTILINE):
        assert re.findall("True|False", promise) == re.findall("True|False", printed)
        found = numbers(printed)[: len(numbers(promise))]
        assert found == pytest.approx(numbers(promise), abs=0.006 if "by_position" in block else 0)


def test_its_size_and_the_two_commands_that_ci_reads():
    assert len(README.encode()) <= 18_000
    assert len(CONSOLES) == 2
    commands = re.findall(r"^python3 -m venv .*", README, re.MULTILINE)
    assert len(commands) == 2
    assert commands[0].endswith("learnable_positional_embeddings.py")
    assert commands[1].endswith("pytest")
