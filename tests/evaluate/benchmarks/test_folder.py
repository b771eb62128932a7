"""What a folder holds of a data set, for every benchmark."""

import pytest

from whence.core.errors import InputError, OptionError
from whence.evaluate.benchmarks import benchmarks
from whence.evaluate.benchmarks.folder import check_folder, listed_samples


@pytest.mark.parametrize("name", [*benchmarks()])
def test_a_miniature_is_whole_but_for_its_size(name, tmp_path):
    known = benchmarks()[name]
    root = known.reader.make_miniature(tmp_path)
    found = check_folder(name, root)
    assert (found.dataset, found.part, found.expected) == (name, known.part, known.pictures)
    assert found.listed == len(listed_samples(name, root)) >= 4
    assert (found.missing, found.first_missing) == (0, ())
    assert found.whole == (known.pictures == 0)


def test_missing_pictures_are_counted(tmp_path):
    root = benchmarks()["osv5m"].reader.make_miniature(tmp_path)
    gone = listed_samples("osv5m", root)[2].path
    gone.unlink()
    found = check_folder("osv5m", root)
    assert (found.listed, found.missing, found.whole) == (4, 1, False)
    assert found.first_missing[0].name == gone.name
    train = check_folder("osv5m", root, "train")
    assert (train.part, train.listed, train.expected, train.whole) == ("train", 8, 0, True)
    assert train.groups == 3


def test_another_layout_or_name_is_refused(tmp_path):
    with pytest.raises(InputError, match="im2gps3k_places365"):
        check_folder("im2gps3k", tmp_path)
    with pytest.raises(OptionError, match="im2gps3k"):
        check_folder("im2gps3", tmp_path)
