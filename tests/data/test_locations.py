import pytest

from scapp.core.errors import ConfigError
from scapp.data.locations import checked_path, readable_places, safe_file_name


def test_only_allowed_folders_may_be_read(tmp_path):
    allowed, secret = tmp_path / "data", tmp_path / "secret"
    allowed.mkdir()
    secret.mkdir()
    (secret / "x.h5ad").touch()
    (allowed / "x.h5ad").touch()
    (allowed / "link").symlink_to(secret)
    assert checked_path(str(allowed / "x.h5ad"), [allowed]) == allowed / "x.h5ad"
    for path in (secret / "x.h5ad", allowed / ".." / "secret" / "x.h5ad", allowed / "link" / "x.h5ad", "/etc/passwd"):
        with pytest.raises(ConfigError, match="outside the folders"):
            checked_path(str(path), [allowed])
    with pytest.raises(ConfigError, match="There is no"):
        checked_path(str(allowed / "y.h5ad"), [allowed])
    with pytest.raises(ConfigError, match="none"):
        checked_path(str(allowed / "x.h5ad"), [])


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("a b.h5ad", "a_b.h5ad"),
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\y.csv", "y.csv"),
        (".hidden", "hidden"),
        ("///", "file"),
        ("é.csv", "é.csv"),
    ],
)
def test_file_names_lose_what_could_be_misread(given, safe):
    assert safe_file_name(given) == safe


def test_a_closed_folder_is_not_read_from_wherever_it_is(tmp_path):
    closed = tmp_path / "data" / "workspace"
    for path in (closed / "a.h5ad", tmp_path / "data" / "b.h5ad", tmp_path / "data" / "other" / "c.h5ad"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "data" / "other" / "link.h5ad").symlink_to(closed / "a.h5ad")
    folders = [tmp_path / "data"]
    found = {path.name for path in readable_places(folders, (".h5ad",), closed=[closed])}
    assert found == {"b.h5ad", "other", "c.h5ad"}
    for path in (closed, closed / "a.h5ad", tmp_path / "data", tmp_path / "data" / "other" / "link.h5ad"):
        with pytest.raises(ConfigError, match="outside"):
            checked_path(str(path), folders, [closed])
    assert checked_path(str(tmp_path / "data" / "b.h5ad"), folders, [closed]).name == "b.h5ad"
