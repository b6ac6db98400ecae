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
