"""Word vectors from the script's own copy and from files, held against gensim's own reader."""

import gzip
import os

import gensim.models
import pytest
import torch
from conftest import FOUR_WORDS, ROOT

import learnable_positional_embeddings as script_module
from learnable_positional_embeddings import BUNDLED_VECTORS, InputError, load_word_embeddings

ROWS = "the 0.5 -1.25 3\ncat 1e-3 2 -0.125\nsat 7 8.5 9\nthe 9 9 9\nMat 4 5 6\nmat 0.1 0.2 0.3\n"
VECTORS = {
    "the": [0.5, -1.25, 3],
    "cat": [1e-3, 2, -0.125],
    "sat": [7, 8.5, 9],
    "Mat": [4, 5, 6],
    "mat": [0.1, 0.2, 0.3],
}


def write(path, data):
    """Write text or bytes to a file, packed if it is named .gz; return its path as text."""
    data = data.encode() if isinstance(data, str) else data
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return str(path)


def test_bundled_vectors_are_the_rows_of_glove():
    embeddings = load_word_embeddings(FOUR_WORDS)
    assert embeddings.dtype == torch.float32
    assert embeddings.shape == (4, 50)
    # Figures of the published file that can be checked by eye: first, last and largest numbers.
    assert embeddings[:, 0].tolist() == pytest.approx([0.71561, 0.8782, -0.34165, 0.20461])
    assert embeddings[:, -1].tolist() == pytest.approx([-0.6379, 0.30127, 0.14094, 0.70785])
    assert embeddings.max(dim=1).values.tolist() == pytest.approx([2.3077, 2.4132, 2.6229, 3.227])
    truth = ROOT.parent / "shared" / "glove-wiki-gigaword-50.four-words.txt"
    if truth.exists():  # where the published rows lie beside the checkout: digit for digit
        assert BUNDLED_VECTORS.split() == truth.read_text().split()


def test_order_and_repeats_of_words():
    once = load_word_embeddings(FOUR_WORDS)
    again = load_word_embeddings(["learning", "machine", "learning"])
    assert torch.equal(again, once[[3, 2, 3]])


@pytest.mark.parametrize("name", ["vectors.txt", "vectors.txt.gz", "vectors.vec", "no_suffix"])
@pytest.mark.parametrize("header", ["", "6 3\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n", " \n"])
def test_formats_against_gensim(tmp_path, name, header, end):
    path = write(tmp_path / name, (header + ROWS).replace("\n", end))
    ours = load_word_embeddings(["mat", "Mat", "the", "cat", "sat"], path)
    expected = [VECTORS[word] for word in ["mat", "Mat", "the", "cat", "sat"]]
    assert torch.equal(ours, torch.tensor(expected))
    if end != "\r\n":  # gensim stops at rows that end so
        peer = gensim.models.KeyedVectors.load_word2vec_format(path, no_header=not header)
        theirs = [peer[word] for word in ["mat", "Mat", "the", "cat", "sat"]]
        assert ours.tolist() == [vector.tolist() for vector in theirs]


@pytest.mark.parametrize("first", ["", "at name@domain.com 1 2 3\n", ". . . 1 2 3\n"])
def test_tokens_with_spaces(tmp_path, first):
    rows = first + "a b 1 1 1\nat 2024 x 2 2 2\nat me 2 2 2\nat 4 5 6\na 7 8 9\n"
    ours = load_word_embeddings(["a", "at"], write(tmp_path / "v.txt", rows))
    assert ours.tolist() == [[7, 8, 9], [4, 5, 6]]


def test_byte_order_mark_blank_lines_and_other_alphabets(tmp_path):
    rows = "\ufeffnaïve 1 2\n\n機械 3 4\n\n"
    ours = load_word_embeddings(["機械", "naïve"], write(tmp_path / "v.txt", rows))
    assert ours.tolist() == [[3, 4], [1, 2]]


def test_reading_stops_at_the_last_word(tmp_path):
    whole = gzip.compress(ROWS.encode() + os.urandom(100_000))
    (tmp_path / "v.gz").write_bytes(whole[:-60_000])  # cut, but behind the rows that are wanted
    assert load_word_embeddings(["cat"], str(tmp_path / "v.gz")).tolist() == [
        pytest.approx([0.001, 2, -0.125])
    ]


def test_files_on_the_command_line(command, tmp_path):
    path = write(tmp_path / "v.txt.gz", ROWS)
    status, stdout, stderr = command("--vectors", path, "--words", "the", "cat", "the")
    assert (status, stderr) == (0, "")
    assert path in stdout
    assert "3 positions x 3 dimensions" in stdout


def test_unknown_words_are_named(refused, tmp_path):
    path = write(tmp_path / "v.txt", ROWS)
    line = refused(1, "--vectors", path, "--words", "The", "cat", "dog", "CAT", "dog")
    assert path in line
    assert "'The', 'dog', 'CAT'" in line
    assert "lower case it has 'the', 'cat'" in line


def test_upper_case_of_a_bundled_word_needs_no_download(refused):
    line = refused(1, "--words", "Machine", "learning")
    assert "'Machine'" in line
    assert "lower case it has 'machine'" in line


BROKEN = {
    "empty": ("", "is empty"),
    "blank": ("\n \n\n", "is empty"),
    "prose": ("# Title\n\nSome words.\n", "line 1"),
    "binary": (bytes(range(256)) * 9, "line 1"),
    "utf-16": (ROWS.encode("utf-16"), "line 1"),
    "endless line": ("the " + "1 " * 2**20, "line of over"),
    "short row": ("the 1 2 3\ncat 1 2\n", "line 2"),
    "long row": ("the 1 2 3\ncat 1 2 3 4\n", "line 2"),
    "no numbers": ("the 1 2 3\ncat\n", "line 2"),
    "nan": ("the 1 2 3\ncat 1 nan 3\n", "line 2"),
    "nan at once": ("cat 1 2 nan\nthe 1 2 3\n", "line 1"),
    "inf": ("the 1 2 3\n\ncat 1 2 -inf\n", "line 3"),
    "overflow": ("2 3\nthe 1 2 3\ncat 1 2 1e39\n", "line 3"),
    "word among numbers": ("the 1 2 3\ncat 1 two 3\n", "line 2"),
    "word for the first number": ("the 1 2 3\ncat one 2 3\n", "line 2"),
    "word behind the numbers": ("cat 1 2 three\nthe 1 2 3\n", "line 1"),
    "cut short": ("9 3\nthe 1 2 3\nsat 4 5 6\n", "cut short"),
    "other dimensions": ("2 4\nthe 1 2 3\ncat 4 5 6\n", "line 3"),
    "header only": ("400000 50\n", "cut short"),
    "no dimensions": ("2 0\nthe\ncat\n", "line 2"),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("suffix", [".txt", ".gz"])
def test_broken_files(refused, tmp_path, name, suffix):
    data, said = BROKEN[name]
    path = write(tmp_path / f"vectors{suffix}", data)
    line = refused(1, "--vectors", path, "--words", "cat", "cat")
    assert path in line
    assert said in line


def test_files_that_cannot_be_read(refused, tmp_path):
    plain = tmp_path / "plain.gz"
    plain.write_text(ROWS)
    whole = gzip.compress(os.urandom(1000).hex().encode() * 9)
    cut, damaged = tmp_path / "cut.gz", tmp_path / "damaged.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    damaged.write_bytes(whole[:100] + bytes([whole[100] ^ 255]) * 50 + whole[150:])
    for path in [plain, cut, damaged, tmp_path / "missing.txt", tmp_path, tmp_path / "a/b.gz", ""]:
        assert str(path) in refused(1, "--vectors", path)
    assert "Is a directory" in refused(1, "--vectors", tmp_path)


def test_an_endless_file_is_given_up(refused):
    if os.path.exists("/dev/zero"):
        assert "not text" in refused(1, "--vectors", "/dev/zero")


def test_words_that_no_file_can_hold_are_unknown(tmp_path):
    with pytest.raises(InputError, match="no vector"):
        load_word_embeddings(
            ["cat", "\udcff", "\ud800", "a\0b", "the cat", ""], write(tmp_path / "v", ROWS)
        )


def test_a_word_that_is_missing_costs_one_pass(tmp_path, monkeypatch):
    path = write(tmp_path / "v.txt", "".join(f"w{i} {i} 2 3\n" for i in range(1000)))
    read_lines, read = script_module.read_lines, []

    def counting(path):
        for line in read_lines(path):
            read.append(line)
            yield line

    monkeypatch.setattr(script_module, "read_lines", counting)
    with pytest.raises(InputError, match="no vector for 'X', 'y'"):
        load_word_embeddings(["X", "w7", "y", "w999"], path)
    assert len(read) == len(set(read)) == 1000
    read.clear()
    load_word_embeddings(["w7", "w3"], path)
    assert len(read) == 8
