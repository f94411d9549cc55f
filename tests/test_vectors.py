"""Word vectors: the script's own four, and those of files, as gensim's own reader has them."""

import contextlib
import gzip
import io
import lzma
import os
import zipfile
from unittest.mock import Mock

import pytest
import torch
from conftest import FOUR_WORDS, POSIX
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from learnable_positional_embeddings import InputError, load_word_embeddings

MODEL = "glove-wiki-gigaword-50"

ROWS = b"""\
the 5e-1 -1.25E+0 3
cat 0.125 2 -0.125
sat 7 8.5 9
the 9 9 9
Mat 4 5 6
mat -4 -5 -6
"""
VECTORS = {  # of each word the first row
    "the": [0.5, -1.25, 3],
    "cat": [0.125, 2, -0.125],
    "sat": [7, 8.5, 9],
    "Mat": [4, 5, 6],
    "mat": [-4, -5, -6],
}
TEXTS = {
    "GloVe": ROWS,
    "word2vec": b"6 3\n" + ROWS,
    "CRLF": ROWS.replace(b"\n", b"\r\n"),
    "blanks at the ends": ROWS.replace(b"\n", b" \n"),
    "no last line end": ROWS.rstrip(),
    "tabs": ROWS.replace(b" ", b"\t"),
}
TEXTS_FOR_GENSIM = {name: text for name, text in TEXTS.items() if name != "tabs"}  # it reads none
PACKINGS = {
    "plain": ("v.txt", bytes),
    "gz": ("v.gz", gzip.compress),
    "gz named .txt": ("v.txt", gzip.compress),
    "plain named .gz": ("v.gz", bytes),
}


def each(name, cases):
    """Return a parametrize whose ids are the keys of a dict."""
    return pytest.mark.parametrize(name, cases.values(), ids=cases.keys())


# ---- the script's own copy

GLOVE = {  # the true rows, digit for digit
    "artificial": """0.71561 0.70368 -0.65484 0.49875 -0.85243 1.1059 -0.1036 -0.88284 0.80456
        0.71413 0.86359 0.32354 0.7463 0.37181 -0.26063 1.2076 0.40428 0.21659 -0.25025 -0.24093
        -0.34624 0.12634 -0.0029545 -0.79917 0.44265 -0.2539 -0.010407 0.61187 0.83014 -0.24339
        2.3077 -0.18824 -0.41651 -0.41467 -0.2552 0.58636 0.41376 0.86748 0.1625 0.11349 -0.063252
        -0.3975 -0.012897 1.1077 0.30005 0.085916 0.3641 -0.22241 -0.23201 -0.6379""",
    "intelligence": """0.8782 -0.45171 0.96737 0.040347 0.76235 -0.63825 0.18944 -0.26633 0.58874
        -0.93608 -0.065201 0.5123 -0.69111 0.52807 -0.71195 -0.2834 -0.34591 0.014351 0.11763
        0.59407 0.20703 0.69087 1.0855 -0.83158 -0.35967 -2.3939 -0.88375 -0.417 -0.36717 0.58897
        2.4132 -0.74281 -0.3619 -1.9934 0.093133 0.86592 -0.75185 0.19073 -0.54284 -0.0084839
        0.57554 0.4475 0.48515 0.054866 0.35842 -0.51698 -0.026014 1.9907 -0.11378 0.30127""",
    "machine": """-0.34165 -0.81267 1.4513 0.05914 -0.080801 0.39567 0.10064 -0.5468 -0.18887
        0.11364 -0.040956 -0.5637 -0.32191 0.15968 -0.59756 -0.14571 -0.77074 1.2955 -0.72002
        -0.90818 0.76644 0.05346 -0.0031632 -0.15341 0.22065 -1.191 -1.0775 -0.29768 1.327 -0.51359
        2.6229 -0.67411 -0.82558 0.14283 -0.014214 0.90775 0.66828 0.48431 0.1543 0.26044 1.0191
        0.015872 -0.75325 0.58992 0.4546 -0.19678 0.42138 -0.43168 0.11985 0.14094""",
    "learning": """0.20461 0.48659 -0.55308 -0.27019 0.26336 0.15751 -0.28994 -0.51824 0.051829
        0.36225 0.37077 0.1322 -0.061377 -0.53606 -0.34733 -0.043981 -0.086744 0.78305 0.41422
        0.027996 0.23433 0.98844 -0.41049 0.6206 1.3966 -0.65427 -0.18221 -1.0293 -0.014741
        -0.25384 3.227 0.39509 -0.33042 -1.229 0.29048 0.33654 -0.24817 0.47105 0.32964 0.23997
        0.088302 -0.91779 -0.36671 0.9926 0.2185 -0.316 1.203 0.2699 -0.14093 0.70785""",
}


@pytest.mark.parametrize("word", FOUR_WORDS, ids=FOUR_WORDS)
def test_the_bundled_rows_are_those_of_glove(word):
    expected = torch.tensor([[float(number) for number in GLOVE[word].split()]])
    assert load_word_embeddings([word]).equal(expected)


def test_a_row_is_given_for_each_word_in_the_order_of_the_words():
    artificial, _, machine, _ = load_word_embeddings(FOUR_WORDS)
    vectors = load_word_embeddings(["machine", "artificial", "machine"])
    assert vectors.equal(torch.stack([machine, artificial, machine]))


def test_the_four_words_in_capitals_are_refused_with_what_to_type(refused):
    line = refused(1, "--words", "Machine", "learning")
    assert "'Machine': spell words as GloVe does (lower case" in line


def test_the_four_words_in_capitals_need_no_download(refused, data_folder):
    refused(1, "--words", "Machine", "learning")
    assert not data_folder.exists()


def test_a_string_for_a_list_of_words_is_a_type_error():
    with pytest.raises(TypeError, match="must be a list of words"):
        load_word_embeddings("machine")


# ---- random vectors


def test_random_vectors_are_normal_and_as_large_as_the_bundled_ones():
    size = load_word_embeddings(FOUR_WORDS).square().mean().sqrt()
    torch.manual_seed(0)
    expected = torch.randn(3, 50) * size
    torch.manual_seed(0)
    assert load_word_embeddings(["a", "b", "c"], "random").equal(expected)


def test_a_word_that_comes_back_has_the_same_random_vector():
    first, other, again = load_word_embeddings(["to", "be", "to"], "random")
    assert again.equal(first)
    assert not other.equal(first)


# ---- files of GloVe's and word2vec's text


@each("packing", PACKINGS)
@each("text", TEXTS)
def test_every_text_format_is_read_plain_and_packed(tmp_path, text, packing):
    name, pack = packing
    (tmp_path / name).write_bytes(pack(text))
    assert load_word_embeddings(VECTORS, tmp_path / name).tolist() == [*VECTORS.values()]


@each("text", TEXTS_FOR_GENSIM)
def test_a_file_is_read_as_gensim_reads_it(tmp_path, text):
    gensim = pytest.importorskip("gensim.models", reason="needs gensim")
    (tmp_path / "v").write_bytes(text)
    has_header = text.startswith(b"6 3")
    peer = gensim.KeyedVectors.load_word2vec_format(tmp_path / "v", no_header=not has_header)
    words = ["mat", "the", "cat", "the", "Mat", "sat"]
    assert load_word_embeddings(words, tmp_path / "v").tolist() == peer[words].tolist()


def test_vectors_are_float32(tmp_path):
    (tmp_path / "v").write_bytes(b"the 0.1 16777217\n")
    expected = [13421773 / 2**27, 16777216]  # the nearest float32 of each, as exact numbers
    assert load_word_embeddings(["the"], tmp_path / "v").tolist() == [expected]


def test_a_file_named_as_a_model_is_read_as_dot_slash_name(tmp_path, monkeypatch):
    (tmp_path / "glove-twitter-25").write_bytes(ROWS)
    monkeypatch.chdir(tmp_path)
    assert load_word_embeddings(["sat"], "./glove-twitter-25").tolist() == [[7, 8.5, 9]]


NO_ROWS_OF_MACHINE = {
    "a word with a blank in it": b"machine name@domain.com 4 5 6\n",  # glove.840B has some
    "a row that was cut": b"machine 4 5\n",
    "a row that is too long": b"machine 4 5 6 7\n",
    "no number at all": b"machine\n",
    "an empty line": b"\n",
}


@each("line", NO_ROWS_OF_MACHINE)
def test_what_is_no_row_of_a_word_is_passed_over(tmp_path, line):
    (tmp_path / "v").write_bytes(b"the 1 2 3\n" + line + b"machine 7 8 9\n")
    assert load_word_embeddings(["machine"], tmp_path / "v").tolist() == [[7, 8, 9]]


FIRST_LINES = {
    "a word with a blank in it": b"machine name@domain.com 4 5 6\n",
    "a word with numbers in it": b"machine 1 2 test 4 5 6\n",
    "no number at all": b"machine\n",
    "an empty line": b"\n",
}


@each("line", FIRST_LINES)
def test_the_length_of_rows_is_that_of_the_first_word_and_its_numbers(tmp_path, line):
    (tmp_path / "v").write_bytes(line + b"machine 7 8 9\n")
    assert load_word_embeddings(["machine"], tmp_path / "v").tolist() == [[7, 8, 9]]


def test_without_a_whole_row_the_length_of_rows_is_said(refused, tmp_path):
    (tmp_path / "v").write_bytes(b"the 1 2 3\nmachine 4 5\n")
    line = refused(1, "--vectors", tmp_path / "v", "--words", "machine")
    assert "no row of 3 numbers for 'machine'" in line


def test_a_header_is_no_row_of_a_word(refused, tmp_path):
    (tmp_path / "v").write_bytes(b"6 3\n" + ROWS)
    assert "for '6'" in refused(1, "--vectors", tmp_path / "v", "--words", "6")


def test_reading_stops_at_the_last_word_that_is_wanted(tmp_path):
    packed = gzip.compress(ROWS + b"more 1 2 3\n" * 100_000)
    (tmp_path / "cut.gz").write_bytes(packed[:-99])  # an error, for who reads on
    vectors = load_word_embeddings(["sat", "the"], tmp_path / "cut.gz")
    assert vectors.tolist() == [VECTORS["sat"], VECTORS["the"]]


@POSIX
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "packed"])
def test_a_pipe_loses_nothing(pack):
    reader, writer = os.pipe()
    with open(reader, "rb"):
        os.write(writer, pack(ROWS))
        os.close(writer)
        vectors = load_word_embeddings(["the", "sat"], f"/dev/fd/{reader}")  # as <(...) is named
    assert vectors.tolist() == [VECTORS["the"], VECTORS["sat"]]


def test_a_word_as_an_ascii_locale_hands_it_over_is_found(tmp_path):
    (tmp_path / "v").write_bytes("café 1 2 3\n".encode())
    word = "caf\udcc3\udca9"  # é is the bytes C3 A9 in UTF-8
    assert load_word_embeddings([word], tmp_path / "v").tolist() == [[1, 2, 3]]


@POSIX
@pytest.mark.slow
def test_a_word_with_an_accent_is_found_where_the_locale_is_ascii(script, tmp_path):
    (tmp_path / "v").write_bytes("café 1 2 3\n".encode())
    word = os.fsdecode("café".encode())  # these bytes, in whatever locale the tests run
    ascii_locale = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0"}
    process = script("--vectors", tmp_path / "v", "--words", word, env=ascii_locale)
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (0, "")


# ---- files that cannot be read


def zipped(text):
    """Return a .zip, as Stanford hands GloVe out."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("glove.6B.50d.txt", text)
    return content.getvalue()


NO_ROWS = {
    "nothing": b"",
    "nothing packed": gzip.compress(b""),
    "prose": b"The cat sat on the mat.\n",
    "UTF-16": ROWS.decode().encode("utf-16"),
    "zip": zipped(ROWS),
    "xz": lzma.compress(ROWS),
    "word2vec's binary": b"2 3\nthe \0\0\x80?\0\0\0@\0\0@@cat \0\0\x80?\0\0\0@\0\0\xa0@",
}


@each("content", NO_ROWS)
def test_a_file_of_another_kind_is_told_what_was_expected(refused, tmp_path, content):
    path = tmp_path / "v"
    path.write_bytes(content)
    line = refused(1, "--vectors", path, "--words", "the")
    assert f"{path}: no row of a word and its numbers: type --vectors random" in line


BAD_ROWS = {
    "nan": (b"cat 1 nan 3\n", "not all finite"),
    "infinity": (b"cat 1 2 -inf\n", "not all finite"),
    "beyond float32": (b"cat 1e39 2 3\n", "not all finite"),
    "text": (b"cat 1 two 3\n", "two"),
}


@each("case", BAD_ROWS)
def test_a_row_with_what_is_no_finite_number_is_refused(refused, tmp_path, case):
    row, reason = case
    (tmp_path / "v").write_bytes(b"the 1 2 3\n" + row)
    line = refused(1, "--vectors", tmp_path / "v", "--words", "the", "cat")
    assert line.startswith(f"cannot read {tmp_path / 'v'}: ")
    assert reason in line


@each("case", BAD_ROWS)
def test_a_bad_row_of_a_word_that_is_not_wanted_is_no_matter(tmp_path, case):
    bad_row, _ = case
    (tmp_path / "v").write_bytes(b"the 1 2 3\n" + bad_row + b"sat 4 5 6\n")
    assert load_word_embeddings(["sat"], tmp_path / "v").tolist() == [[4, 5, 6]]


def test_an_archive_that_was_cut_is_refused(refused, tmp_path):
    (tmp_path / "v.gz").write_bytes(gzip.compress(ROWS)[:-20])
    line = refused(1, "--vectors", tmp_path / "v.gz", "--words", "mat")
    assert line.startswith(f"cannot read {tmp_path / 'v.gz'}: ")


def test_an_archive_with_wrong_bytes_is_refused(refused, tmp_path):
    packed = gzip.compress(ROWS)
    (tmp_path / "v.gz").write_bytes(packed[:20] + b"damaged!" + packed[28:])
    line = refused(1, "--vectors", tmp_path / "v.gz", "--words", "nothing")
    assert line.startswith(f"cannot read {tmp_path / 'v.gz'}: ")


@pytest.mark.parametrize("name", ["folder", "missing", "glove-wiki-gigaword-51"], ids=str)
def test_what_is_neither_a_file_nor_a_model_is_refused(refused, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    line = refused(1, "--vectors", name)
    assert line.startswith(f"cannot read {name}: ")
    assert "type --vectors random, or --vectors FILE" in line


def test_words_without_a_row_are_named_in_order_and_once(refused, tmp_path):
    (tmp_path / "v").write_bytes(ROWS)
    words = ["The", "cat", "dog", "The", "dog", "sat"]
    line = refused(1, "--vectors", tmp_path / "v", "--words", *words)
    assert f"{tmp_path / 'v'} has no row of 3 numbers for 'The', 'dog': " in line


def test_who_lacks_a_word_is_told_what_to_type(refused, tmp_path):
    (tmp_path / "v").write_bytes(ROWS)
    line = refused(1, "--vectors", tmp_path / "v", "--words", "dog")
    assert "type --vectors random, or --vectors FILE" in line


def test_a_missing_word_of_bytes_that_are_no_text_is_one_line_too(refused, tmp_path):
    (tmp_path / "v").write_bytes(ROWS)
    line = refused(1, "--vectors", tmp_path / "v", "--words", "\udcff")  # the byte 255
    assert "has no row of 3 numbers for" in line


NUMBERS = st.floats().map(repr) | st.sampled_from(["1e39", "1_0", "٣"])
FIELDS = NUMBERS | st.sampled_from(["é", "\né"]) | st.text(max_size=2)
LINES = st.lists(FIELDS).map(lambda fields: f"the 1 2\n{' '.join(fields)}".encode())
PACKED = st.binary().map(lambda data: b"\x1f\x8b" + data)  # the first bytes of a .gz


def test_a_word_and_one_number_are_no_row(tmp_path):
    text = "é 3\né 1 2"
    path = tmp_path / "v"
    path.write_text(text, encoding="utf-8")
    vectors = load_word_embeddings(["é"], path)
    assert vectors.tolist() == [[1, 2]]


def numbers_of(line):
    """Return the numbers behind the word é as bytes; None of another line."""
    word, *numbers = line.split() or [b""]
    return numbers if word == "é".encode() else None


def first_row(data, length):
    """Return the first row of é that has so many numbers, as float32 has them."""
    for line in data.split(b"\n"):
        row = numbers_of(line)
        if row is not None and len(row) == length:
            numbers = [float(number) for number in row]
            return torch.tensor(numbers).tolist()
    return "there is no such row"


@given(LINES | st.binary() | PACKED)
@example("the 1 2\né 3 4".encode())
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_any_bytes_give_the_first_row_of_the_word_or_an_input_error(tmp_path, data):
    path = tmp_path / "v"
    path.write_bytes(data)
    with contextlib.suppress(InputError):
        [vector] = load_word_embeddings(["é"], path)
        expected = first_row(data, len(vector))
        assert vector.tolist() == expected


# ---- gensim's data folder

MODELS = [
    "glove-wiki-gigaword-50",
    "glove-wiki-gigaword-100",
    "glove-wiki-gigaword-200",
    "glove-wiki-gigaword-300",
    "glove-twitter-25",
    "glove-twitter-50",
    "glove-twitter-100",
    "glove-twitter-200",
]


def put_model(folder, content, name=MODEL):
    """Put an archive where gensim's data folder has it; return its path."""
    path = folder / name / f"{name}.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", MODELS, ids=MODELS)
def test_a_model_on_disk_is_read_without_gensim(data_folder, site, name):
    (site / "gensim.py").write_text("raise SystemExit('gensim was imported')")
    put_model(data_folder, gzip.compress(ROWS), name)
    assert load_word_embeddings(["sat"], name).tolist() == [[7, 8.5, 9]]


def test_other_words_than_the_four_come_from_the_smallest_model(data_folder):
    put_model(data_folder, gzip.compress(ROWS), MODEL)
    assert load_word_embeddings(["sat"]).tolist() == [[7, 8.5, 9]]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home that is the current folder too, with a data folder in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))  # the home under Windows
    put_model(tmp_path / "gensim-data", gzip.compress(ROWS))


def test_the_data_folder_is_in_the_home(home, monkeypatch):
    monkeypatch.delenv("GENSIM_DATA_DIR")
    assert load_word_embeddings(["sat"]).tolist() == [[7, 8.5, 9]]


@pytest.mark.parametrize("folder", ["", "gensim-data"], ids=["empty", "here"])
def test_the_data_folder_is_the_one_of_the_environment(home, monkeypatch, folder):
    monkeypatch.setenv("GENSIM_DATA_DIR", folder)
    assert load_word_embeddings(["sat"]).tolist() == [[7, 8.5, 9]]


DAMAGED = {"empty": b"", "cut": gzip.compress(ROWS)[:40]}


@each("content", DAMAGED)
def test_a_damaged_model_on_disk_is_named_with_what_to_do(refused, data_folder, content):
    path = put_model(data_folder, content)
    line = refused(1, "--words", "sat")
    assert line.startswith(f"cannot read {path}: ")
    assert line.endswith("delete its folder to have it downloaded again")


@pytest.fixture
def nobody(tmp_path, monkeypatch):
    """Be a user without a home, whom the system does not know, in an empty current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GENSIM_DATA_DIR")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", Mock(side_effect=KeyError("no such user")))


@POSIX
def test_who_has_no_home_is_told_to_name_a_data_folder(nobody, refused):
    assert "set GENSIM_DATA_DIR to a folder of yours" in refused(1, "--words", "house")


@POSIX
def test_no_folder_is_made_for_who_has_no_home(nobody, refused, tmp_path):
    refused(1, "--words", "house")
    assert [*tmp_path.iterdir()] == []


@POSIX
def test_a_model_that_cannot_be_opened_is_not_to_be_deleted(refused, data_folder):
    path = data_folder / MODEL / f"{MODEL}.gz"
    path.mkdir(parents=True)
    line = refused(1, "--words", "house")
    assert line.startswith(f"cannot read {path}: ")
    assert "set GENSIM_DATA_DIR to a folder of yours" in line
    assert "delete" not in line


# ---- the true 400,000 vectors

FOLDER = os.path.abspath(os.path.expanduser(os.environ.get("GENSIM_DATA_DIR") or "~/gensim-data"))
FULL = os.path.join(FOLDER, MODEL, f"{MODEL}.gz")


@pytest.fixture
def full_glove(monkeypatch):
    """Let the script find the data folder that the tests were started with."""
    if not os.path.exists(FULL):
        pytest.skip(f"no {FULL}: see tests/make_full_glove.py")
    monkeypatch.setenv("GENSIM_DATA_DIR", FOLDER)


@pytest.mark.full_glove
def test_the_bundled_rows_are_those_of_full_size_glove(full_glove):
    assert load_word_embeddings(FOUR_WORDS).equal(load_word_embeddings(FOUR_WORDS, MODEL))


@pytest.mark.full_glove
@pytest.mark.parametrize(
    "rows", [7_000, pytest.param(None, marks=pytest.mark.slow)], ids=["7,000 rows", "all rows"]
)
def test_full_size_glove_is_read_as_gensim_reads_it(full_glove, rows):
    gensim = pytest.importorskip("gensim.models", reason="needs gensim")
    peer = gensim.KeyedVectors.load_word2vec_format(FULL, limit=rows)
    words = [*peer.index_to_key[::800], peer.index_to_key[-1]]
    assert load_word_embeddings(words, MODEL).tolist() == peer[words].tolist()


@pytest.mark.full_glove
@pytest.mark.slow
def test_words_that_full_size_glove_lacks_are_named(full_glove, refused):
    line = refused(1, "--words", "the", "Machine", "zzyzxx")
    assert "no row of 50 numbers for 'Machine', 'zzyzxx'" in line
