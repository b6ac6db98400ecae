import pytest

from scapp.core import files


def test_failed_write_leaves_the_old_file_and_no_rest(tmp_path):
    path = tmp_path / "value.json"
    files.write_json(path, {"a": 1})

    def fail_halfway():
        with files.replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert files.read_json(path) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["value.json"]


def test_json_lines_leave_out_an_unfinished_line(tmp_path):
    path = tmp_path / "rows.jsonl"
    assert files.read_json_lines(path) == []
    files.append_json_line(path, {"a": 1})
    with open(path, "a") as stream:
        stream.write('{"a": 2')
    assert files.read_json_lines(path) == [{"a": 1}]


def test_files_that_have_names_elsewhere_are_told_from_others(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    (here / "own").write_bytes(b"x" * 10)
    (here / "twice").write_bytes(b"x" * 100)
    (here / "again").hardlink_to(here / "twice")
    (here / "shared").write_bytes(b"x" * 1000)
    (there / "shared").hardlink_to(here / "shared")
    assert files.sizes_of(here) == (110, 1000)
    assert files.size_of(here) == 1110
    assert files.sizes_of(here / "own") == (10, 0)
    assert files.sizes_of(tmp_path) == (1110, 0)
    assert files.sizes_of(tmp_path / "nothing") == (0, 0)


@pytest.mark.parametrize(
    ("n_bytes", "words"), [(0, "0 kB"), (1, "1 kB"), (340_000, "340 kB"), (12.3e6, "12 MB"), (999.7e6, "1.0 GB")]
)
def test_sizes_in_words(n_bytes, words):
    assert files.size_in_words(n_bytes) == words
