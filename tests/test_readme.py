"""The README: its commands give what it prints, its Python runs, and it fits its size."""

import re
import runpy

import pytest
from conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND = "python learnable_positional_embeddings.py"
CONSOLES = re.findall(r"```console\n\$ (.*?)\n(.*?)```", README, re.DOTALL)
NUMBER = re.compile(r"[-+]?\d+\.\d+(?:e[-+]\d+)?")


def assert_same(printed, shown):
    """The same but for 1e-4 of a number, its last digit, and what is below 1e-9: processors differ."""
    assert NUMBER.sub("#", printed).split() == NUMBER.sub("#", shown).split()
    for ours, theirs in zip(NUMBER.findall(printed), NUMBER.findall(shown), strict=True):
        mantissa, _, exponent = theirs.partition("e")
        unit = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
        assert float(ours) == pytest.approx(float(theirs), rel=1e-4, abs=max(1.01 * unit, 1e-9))


@pytest.mark.parametrize(("typed", "shown"), CONSOLES, ids=["default", "compare"])
def test_consoles(command, typed, shown):
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


def test_the_table_of_experiments(command):
    header, rows = re.search(
        r"^\| options (\|.*)\n\|[-|]+\n((?:\|.*\n)+)", README, re.MULTILINE
    ).groups()
    names = [name.strip() for name in header.strip("|").split("|")]
    names = [{"floor": "lowest loss blind to order"}.get(name, name) for name in names]
    assert rows.count("\n") == 3
    for line in rows.splitlines():
        options, *cells = [cell.strip(" `") for cell in line.strip("|").split("|")]
        stdout = command(*([] if options == "none" else options.split()))[1]
        evidence = dict(re.findall(r"^(\w[\w ]+?)  +(.+)$", stdout, re.MULTILINE))
        for name, cell in zip(names, cells, strict=True):
            if cell == "–":
                assert name not in evidence
            else:
                said = evidence[name].removesuffix(" of it").removesuffix(" over all orders")
                assert_same(said, cell)


def test_python_blocks_run(command, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert command("--save", "model.pt")[0] == 0
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        (tmp_path / "block.py").write_text(block)
        runpy.run_path(str(tmp_path / "block.py"))
    promised = re.search(r"# (True), then (False)", README).groups()
    printed = re.findall(r"^(?:True|False)$", capfd.readouterr().out, re.MULTILINE)
    assert tuple(printed) == promised


def test_its_size_and_the_two_commands_that_ci_reads():
    assert len(README.encode()) <= 13_000
    assert len(CONSOLES) == 2
    commands = re.findall(r"^python3 -m venv .*", README, re.MULTILINE)
    assert len(commands) == 2
    assert commands[0].endswith("learnable_positional_embeddings.py")
    assert commands[1].endswith("pytest")
