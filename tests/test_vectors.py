"""Word vectors from the script's own copy and from files, as gensim's own reader has them.

Every form of GloVe and word2vec text is read; all else is refused with one line that names the file.
"""

import gzip
import os
import re
import zipfile

import pytest
import torch
from conftest import FOUR_WORDS
from gensim.models import KeyedVectors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from learnable_positional_embeddings import InputError, load_word_embeddings

# The last line of a file need not end.
ROWS = "the 0.5 -1.25 3\ncat 1e-3 2 -0.125\nsat 7 8.5 9\nthe 9 9 9\nMat 4 5 6\nmat 0.1 0.2 0.3"


def write(path, data):
    """Write text or bytes to a file, packed if it is named .gz; return its path as text."""
    data = data.encode() if isinstance(data, str) else data
    path.write_bytes(gzip.compress(data, 1) if path.suffix == ".gz" else data)
    return str(path)


def test_bundled_vectors_are_the_rows_of_glove():
    embeddings = load_word_embeddings(FOUR_WORDS)
    assert (embeddings.dtype, embeddings.shape) == (torch.float32, (4, 50))
    # Figures of the published file that can be checked by eye: first, last and largest numbers.
    assert embeddings[:, 0].tolist() == pytest.approx([0.71561, 0.8782, -0.34165, 0.20461])
    assert embeddings[:, -1].tolist() == pytest.approx([-0.6379, 0.30127, 0.14094, 0.70785])
    assert embeddings.max(dim=1).values.tolist() == pytest.approx([2.3077, 2.4132, 2.6229, 3.227])
    assert load_word_embeddings(["learning", "machine"] * 2).equal(embeddings[[3, 2, 3, 2]])


@pytest.mark.parametrize("name", ["v.txt", "v.txt.gz", "no_suffix"])
@pytest.mark.parametrize("header", ["", "6 3\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n", " \n"])
def test_formats_against_gensim(tmp_path, name, header, end):
    path = write(tmp_path / name, (header + ROWS).replace("\n", end))
    words = ["mat", "the", "cat", "the", "Mat", "sat"]
    peer = KeyedVectors.load_word2vec_format(path, no_header=not header)
    assert load_word_embeddings(words, path).tolist() == peer[words].tolist()
    assert peer["the"].tolist() == [0.5, -1.25, 3]  # its first row


OTHER_TEXTS = [  # tokens with spaces, a byte order mark, blank lines, numbers for words
    ("at i@x.com 1 2\na b 1 1\nat 7 3 3\nat me 2 2\nat 4 5\na 6 7", {"a": [6, 7], "at": [4, 5]}),
    (". . . 1 2\n. . 3 4\n. 5 6", {".": [5, 6]}),
    ("\ufeffnaïve 1 2\n\n機械 3 4\n \n", {"機械": [3, 4], "naïve": [1, 2]}),
    ("\ufeff2 1\n\n5 9\n2 4\n", {"2": [4], "5": [9]}),  # a header is no row of the word 2
]


@pytest.mark.parametrize(("text", "vectors"), OTHER_TEXTS)
def test_other_texts(tmp_path, text, vectors):
    embeddings = load_word_embeddings(list(vectors), write(tmp_path / "v.txt", text))
    assert embeddings.tolist() == list(vectors.values())


def test_unknown_words_are_named(refused, tmp_path, data_folder):
    path = write(tmp_path / "v.txt", ROWS)
    line = refused(1, "--vectors", path, "--words", "The", "cat", "dog", "CAT", "dog")
    assert path in line
    assert "'The', 'dog', 'CAT';" in line
    assert "'Machine'" in refused(1, "--words", "Machine", "learning")
    assert not data_folder.exists()  # the four words in capitals need no download
    for word in ["\udcff", "\ud800", "a\0b", "the cat", "cat 1e-3", "", "\n"]:
        with pytest.raises(InputError, match="no vector"):
            load_word_embeddings(["cat", word], path)


NOT_TEXT = ["", "# Title\n\nSome words.\n", ROWS.replace("\n", "\r"), ROWS.encode("utf-16")]
NOT_TEXT += ["400000 50\n", "2 0\nthe\ncat", "2 4\nthe 1 2 3\ncat 4 5 6"]
NOT_TEXT += ["2 2\nthe 1 2 3\ncat 4 5 6", "cat " + "1 " * 2**20]  # an endless line
ROWS_OF_CAT = "cat 1 2", "cat 1 2 3 4", "cat 1 nan 3", "cat 1 2 -inf", "cat 1e39 2 3", "cat 1 two 3"
DAMAGED = ["cat 1 2 nan\nthe 1 2 3", *(f"the 1 2 3\n\n{row}" for row in ROWS_OF_CAT)]


@pytest.mark.parametrize("name", ["v.txt", "v.gz"])
def test_broken_files(refused, tmp_path, name):
    vectors = KeyedVectors(3)
    vectors.add_vectors(["the", "cat"], [[1, 2, 3], [4, 5, 6]])
    vectors.save_word2vec_format(str(tmp_path / "binary"), binary=True)
    with zipfile.ZipFile(tmp_path / "zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("v.txt", ROWS)
    for data in [*NOT_TEXT, (tmp_path / "binary").read_bytes(), (tmp_path / "zip").read_bytes()]:
        path = write(tmp_path / name, data)
        line = refused(1, "--vectors", path, "--words", "cat", "cat")
        assert f"{path} is not text of words and numbers" in line
    for data in DAMAGED:
        path = write(tmp_path / name, data)
        assert "'cat'" in refused(1, "--vectors", path, "--words", "cat")


def test_an_endless_file(refused):
    if not os.path.exists("/dev/zero"):
        pytest.skip("no /dev/zero here")
    assert "not text" in refused(1, "--vectors", "/dev/zero")


def test_files_that_cannot_be_read_to_the_last_word_wanted(refused, tmp_path):
    whole = gzip.compress(ROWS.encode() + b"\n" + os.urandom(50_000).hex().encode())
    (tmp_path / "plain.gz").write_text(ROWS)
    (tmp_path / "cut.gz").write_bytes(whole[:40_000])
    (tmp_path / "damaged.gz").write_bytes(whole[:40_000] + b"\0\xff" * 5000 + whole[50_000:])
    for name in ["plain.gz", "cut.gz", "damaged.gz", "missing.txt", ""]:
        assert str(tmp_path / name) in refused(1, "--vectors", tmp_path / name)
    assert load_word_embeddings(["sat"], str(tmp_path / "cut.gz")).tolist() == [[7, 8.5, 9]]


TOKENS = st.text(st.characters(exclude_categories=["Cs", "Z", "C"]), min_size=1, max_size=5)
FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
NUMBERS = FLOAT32.map(repr) | st.integers(-99, 99).map(str) | st.sampled_from(["1e5", "-.5", "3."])
FIELDS = st.sampled_from(["é", "é", "nan", "1e39", "1_0", "", "\ufeff", "\0"]) | NUMBERS | TOKENS
LINES = st.lists(FIELDS, max_size=4).map(" ".join) | st.sampled_from(["2 3", "9 2", "0 3", "é 1 2"])
TEXTS = st.lists(LINES, max_size=7).map(lambda lines: "\n".join(lines).encode())


@given(TEXTS | st.binary())
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_bytes_give_their_vectors_or_an_input_error(tmp_path, data):
    try:
        vector = load_word_embeddings(["é"], write(tmp_path / "v.txt", data))[0]
    except InputError:
        return
    lines = data.decode("latin-1").removeprefix("\xef\xbb\xbf").split("\n")
    rows = [re.split("[ \t\r\v\f]+", line.rstrip(" \t\r\v\f")) for line in lines]
    row = next(row for row in rows if row[0] == "\xc3\xa9" and len(row) == len(vector) + 1)
    assert vector.equal(torch.tensor([float(number) for number in row[1:]]))
