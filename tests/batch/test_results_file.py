import json

import pytest

from whence.batch.jobs import Failure, Job, to_line
from whence.batch.results import ResultsFile
from whence.core.errors import OptionError

RUN = "0123456789abcdef"


def line(name, sha=(), run=RUN, error=None, extra=0):
    schema = "whence.failure/1" if error else "whence.estimate/1"
    record = {"schema": schema, "query": {"name": name, "sha256": list(sha)}, "versions": {"run": run}}
    if error:
        record["error"] = {"type": error, "message": "no"}
    return to_line({**record, "extra": extra})


def text_job(name, index=0):
    return Job(index, name, None)


@pytest.fixture
def results(path):
    opened = []

    def make(where=path, run=RUN, **options):
        opened.append(ResultsFile(where, run, **options))
        return opened[-1]

    yield make
    for file in opened:
        file.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out" / "results.jsonl"


def test_makes_the_file_and_its_folder_and_appends_whole_lines(path, results):
    file = results()
    file.append(line("a"))
    assert path.read_text() == line("a") + "\n"  # handed over at once, not at the end
    file.append(line("b"))
    file.close()
    assert path.read_text() == line("a") + "\n" + line("b") + "\n"


def test_reopened_it_knows_what_it_holds(path, results):
    file = results()
    file.append(line("ä 'quoted'"))
    file.append(line("b", error="ImageError"))
    file.close()
    again = results()
    assert len(again) == 2
    held = again.held(text_job("ä 'quoted'"))
    assert again.line(held).decode() == line("ä 'quoted'") + "\n"
    assert again.held(text_job("b")).failure == Failure("ImageError", "no")
    assert again.held(text_job("c")) is None


@pytest.mark.parametrize("cut", range(1, len(line("b"))))
def test_a_torn_last_line_is_dropped_wherever_it_was_torn(path, cut, results):
    whole = line("a") + "\n"
    path.parent.mkdir()
    path.write_text(whole + line("b")[:cut])
    file = results()
    assert len(file) == 1
    file.append(line("c"))
    file.close()
    assert path.read_text() == whole + line("c") + "\n"


@pytest.mark.parametrize("cut", [1, 5, 9, 30])
def test_a_torn_only_line_is_dropped(path, cut, results):
    path.parent.mkdir()
    path.write_text(line("a")[:cut])
    assert len(results()) == 0
    assert path.read_bytes() == b""


def test_a_last_line_that_lacks_only_its_break_is_kept(path, results):
    path.parent.mkdir()
    path.write_text(line("a") + "\n" + line("b"))
    file = results()
    assert len(file) == 2
    file.append(line("c"))
    assert file.line(file.held(text_job("b"))).decode() == line("b") + "\n"
    file.close()
    assert path.read_text().splitlines() == [line("a"), line("b"), line("c")]


def test_results_of_another_run_are_refused_and_left_as_they_are(path, results):
    path.parent.mkdir()
    path.write_text(line("a", run="another") + "\n")
    with pytest.raises(OptionError, match="--overwrite"):
        results()
    assert path.read_text() == line("a", run="another") + "\n"
    assert len(results(overwrite=True)) == 0
    assert path.read_bytes() == b""


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("content", ["my diary\n", "my diary", '{"a": 1}\n', "[1]\n", '{"schema": "other/1"}\n'])
def test_a_file_of_another_kind_is_never_touched(path, content, overwrite, results):
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(OptionError, match="not a file of results"):
        results(overwrite=overwrite)
    assert path.read_text() == content


def test_a_broken_line_in_the_middle_is_an_error_and_not_a_loss(path, results):
    path.parent.mkdir()
    content = line("a") + "\n" + "garbage\n" + line("b") + "\n"
    path.write_text(content)
    with pytest.raises(OptionError, match="line 2"):
        results()
    assert path.read_text() == content


def test_a_name_like_a_picture_is_refused(tmp_path, results):
    with pytest.raises(OptionError, match="named like a picture"):
        results(tmp_path / "photo.JPG")
    assert list(tmp_path.iterdir()) == []


def test_arranged_in_the_order_of_the_input_later_lines_win_strangers_last(path, results):
    file = results()
    for content in (line("c"), line("gone"), line("a"), line("b", extra=1), line("b", extra=2)):
        file.append(content)
    file.arrange(["a", "b", "c", "d"])
    wanted = [line("a"), line("b", extra=2), line("c"), line("gone")]
    assert path.read_text().splitlines() == wanted
    file.append(line("e"))  # it stays usable
    assert file.line(file.held(text_job("c"))).decode() == line("c") + "\n"
    file.close()
    assert path.read_text().splitlines() == [*wanted, line("e")]
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_arranging_what_is_in_order_does_not_rewrite_the_file(path, results):
    file = results()
    for name in "abc":
        file.append(line(name))
    inode = path.stat().st_ino
    file.arrange(["a", "b", "c"])
    assert path.stat().st_ino == inode


def test_a_changed_picture_is_not_held_nor_one_whose_worker_died(tmp_path, path, results):
    picture = tmp_path / "x.jpg"
    picture.write_bytes(b"one")
    sha = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"  # of b"one"
    file = results()
    job = Job(0, str(picture), str(picture))
    file.append(line(str(picture), [sha], error="ImageError"))
    assert file.held(job).failure.type == "ImageError"
    file.append(line(str(picture), [sha], error="WorkerError"))
    assert file.held(job) is None
    file.append(line(str(picture), [sha]))
    assert file.held(job).failure is None
    picture.write_bytes(b"two")
    assert file.held(job) is None
    picture.unlink()
    assert file.held(job) is None


def test_names_that_are_not_unicode_survive(path, results):
    name = b"caf\xe9.jpg".decode(errors="surrogateescape")
    content = line(name)
    assert json.loads(content)["query"]["name"] == name
    file = results()
    file.append(content)
    file.close()
    assert results().held(text_job(name)) is not None
