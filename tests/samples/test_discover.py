"""`find_pictures`: order, hidden files, patterns, errors."""

import pytest

from whence.core.errors import InputError
from whence.samples.discover import find_pictures


@pytest.fixture
def tree(tmp_path):
    for name in ("b.JPG", "a.png", "notes.txt", ".hidden.jpg", "sub/c.heic", "sub/.cache/d.jpg", "sub/deep/e.tif"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def names(tree, *args, **options):
    return [str(path.relative_to(tree)) for path in find_pictures(*args, **options)]


def test_folder(tree):
    assert names(tree, tree) == ["a.png", "b.JPG", "sub/c.heic", "sub/deep/e.tif"]
    assert names(tree, [tree], recursive=False) == ["a.png", "b.JPG"]


def test_named_files_are_yielded_whatever_they_are_called(tree):
    assert names(tree, [tree / "notes.txt", tree / ".hidden.jpg"]) == ["notes.txt", ".hidden.jpg"]


def test_each_file_once_in_the_order_given(tree):
    assert names(tree, [tree / "b.JPG", tree, tree / "a.png"]) == ["b.JPG", "a.png", "sub/c.heic", "sub/deep/e.tif"]


def test_patterns(tree):
    assert names(tree, str(tree / "*.JPG")) == ["b.JPG"]
    assert names(tree, str(tree / "**" / "*")) == ["a.png", "b.JPG", "sub/c.heic", "sub/deep/e.tif"]


def test_a_file_whose_name_is_a_pattern(tree):
    (tree / "x[1].jpg").touch()
    assert names(tree, str(tree / "x[1].jpg")) == ["x[1].jpg"]


def test_folder_that_links_to_its_parent_does_not_loop(tree):
    (tree / "sub" / "up").symlink_to(tree, target_is_directory=True)
    assert names(tree, tree) == ["a.png", "b.JPG", "sub/c.heic", "sub/deep/e.tif"]


def test_missing_path_names_the_nearest(tree):
    with pytest.raises(InputError, match=r"There is no file or folder .*Did you mean .*a\.png"):
        list(find_pictures(tree / "a.pgn"))
    with pytest.raises(InputError, match="does not exist either"):
        list(find_pictures(tree / "none" / "a.png"))


def test_pattern_without_match(tree):
    with pytest.raises(InputError, match="matches nothing"):
        list(find_pictures(str(tree / "*.xyz")))
    with pytest.raises(InputError, match="cannot be used"):
        list(find_pictures("a" * 5_000))
