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
    """The same text, and the same numbers but for what differs between processors.

    A number may differ by a relative 1e-4 and one unit in its last digit; below 1e-9 all is
    rounding.
    """
    assert NUMBER.sub("#", printed).split() == NUMBER.sub("#", shown).split()
    for ours, theirs in zip(NUMBER.findall(printed), NUMBER.findall(shown), strict=True):
        mantissa, _, exponent = theirs.partition("e")
        unit = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
        assert float(ours) == pytest.approx(float(theirs), rel=1e-4, abs=max(1.01 * unit, 1e-9))


def test_there_are_consoles_to_check():
    assert [command for command, _ in CONSOLES] == [
        COMMAND,
        f"{COMMAND} --shuffle --epochs 500 --compare",
    ]


@pytest.mark.parametrize(("typed", "shown"), CONSOLES, ids=["default", "compare"])
def test_consoles(command, typed, shown):
    status, stdout, stderr = command(*typed.removeprefix(COMMAND).split())
    assert (status, stderr) == (0, "")
    lines = stdout.splitlines()
    for part in shown.split("...\n"):  # what stands between dots follows on without a gap
        part = part.splitlines()
        masked = [NUMBER.sub("#", line) for line in part]
        starts = [
            at
            for at in range(len(lines))
            if [NUMBER.sub("#", line) for line in lines[at : at + len(part)]] == masked
        ]
        assert starts, part
        at = starts[0]
        assert_same("\n".join(lines[at : at + len(part)]), "\n".join(part))
        lines = lines[at + len(part) :]


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


def test_the_two_commands_stand_where_ci_reads_them():
    commands = re.findall(r"^python3 -m venv .*", README, re.MULTILINE)
    assert len(commands) == 2
    assert commands[0].endswith("learnable_positional_embeddings.py")
    assert commands[1].endswith("pytest")


def test_every_link_into_the_checkout_leads_somewhere():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
