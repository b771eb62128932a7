from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from whence.core.bundle import BundleHeader, find_bundle, list_bundles, load_bundle, write_bundle
from whence.core.bundle_header import HEADER
from whence.core.errors import ArtifactError, OptionError
from whence.core.folders import cache_folder, model_folders

CARD = BundleHeader(
    name="made",
    kind="alignment",
    title="A bundle made in a test",
    licence="Apache-2.0",
    training_data="none",
    concepts={"bank": "abc", "ids": ["climate/hot_desert", "terrain/mountains"]},
    config={"logit_scale": 12.5, "views": ["ground"]},
)


def doubling_graph() -> bytes:
    onnx = pytest.importorskip("onnx", reason="the extra train is not installed")
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["twice"])],
        "doubling",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("twice", TensorProto.FLOAT, ["n", 2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 10
    onnx.checker.check_model(model)
    return model.SerializeToString()


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {"basis": rng.normal(size=(2, 8)).astype(np.float32), "nothing": np.zeros((0, 8), np.float32)}


@pytest.fixture
def made(tmp_path, arrays):
    return write_bundle(tmp_path / "made", CARD, arrays, {}, tensors={"weights": b"\x02\0\0\0\0\0\0\0{}"})


def test_what_is_written_is_read(made, arrays):
    again = load_bundle(made.folder)
    assert again.header == made.header
    assert again.hash == made.hash
    assert replace(again.header, parts={}, created="", whence="") == CARD
    assert again.header.created.endswith("+00:00")
    assert again.header.concept_ids == ("climate/hot_desert", "terrain/mountains")
    assert again.header.bank_hash == "abc"
    assert again.arrays == ("basis", "nothing")
    assert again.graphs == ()
    for name, array in arrays.items():
        found = again.array(name)
        np.testing.assert_array_equal(found, array)
        assert found.dtype == array.dtype
        assert not found.flags.writeable
    assert again.path("weights", ".safetensors").read_bytes() == b"\x02\0\0\0\0\0\0\0{}"
    assert sorted(p.name for p in made.folder.parent.iterdir()) == ["made"], "nothing is left beside it"
    with pytest.raises(ArtifactError, match=r"no part image\.onnx\. Its parts: basis\.npy, nothing\.npy"):
        again.session("image")


def test_a_graph_runs_in_one_shared_session(tmp_path):
    bundle = write_bundle(tmp_path / "made", CARD, {}, {"double": doubling_graph()})
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(bundle.session("double", threads=1))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(session) for session in found}) == 1
    x = np.array([[1.0, 2.0]], np.float32)
    np.testing.assert_array_equal(bundle.session("double").run(None, {"x": x})[0], 2 * x)


def test_a_graph_that_is_none_is_named(tmp_path):
    bundle = write_bundle(tmp_path / "made", CARD, {}, {"image": b"no graph"})
    with pytest.raises(ArtifactError, match=r"cannot run .*image\.onnx"):
        bundle.session("image")


def test_the_hash_covers_everything(tmp_path, made, arrays):
    other = write_bundle(tmp_path / "other", replace(CARD, config={"logit_scale": 12.6}), arrays, {})
    assert other.hash != made.hash
    changed = {**arrays, "basis": arrays["basis"] + 1}
    assert write_bundle(tmp_path / "third", CARD, changed, {}).hash not in {made.hash, other.hash}


# ------------------------------------------------------------------------------------------------ corruption


def change_header(folder: Path, **changes: object) -> None:
    values = json.loads((folder / HEADER).read_text())
    values.update(changes)
    (folder / HEADER).write_text(json.dumps({key: value for key, value in values.items() if value is not ...}))


def test_a_missing_part(made):
    (made.folder / "basis.npy").unlink()
    with pytest.raises(ArtifactError, match=r"the part basis\.npy is missing"):
        load_bundle(made.folder)


def test_every_changed_byte_of_every_part(made):
    for name in made.header.parts:
        path = made.folder / name
        whole = path.read_bytes()
        for at in (0, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            with pytest.raises(ArtifactError, match=f"{name} has the hash"):
                load_bundle(made.folder)
        path.write_bytes(whole[:-1])
        with pytest.raises(ArtifactError, match=f"{name} has {len(whole) - 1} bytes, the header says {len(whole)}"):
            load_bundle(made.folder)
        path.write_bytes(whole)
    load_bundle(made.folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": "whence.bundle/2"}, "is of schema 'whence.bundle/2', this version of whence reads"),
        ({"schema": ...}, "is of schema None"),
        ({"licens": "MIT"}, "Did you mean 'licence'"),
        ({"licence": ...}, "lacks licence"),
        ({"licence": " "}, "says nothing under licence"),
        ({"title": 3}, "title in bundle.json is a int, expected str"),
        ({"config": []}, "config in bundle.json is a list, expected dict"),
        ({"name": "../up"}, "is no name"),
        ({"parts": {"../../secret.npy": {"sha256": "", "bytes": 0}}}, "is no name of a part"),
        ({"parts": {"code.pkl": {"sha256": "", "bytes": 0}}}, "is no name of a part"),
        ({"parts": {"basis.npy": {"sha256": ""}}}, "needs sha256 and bytes"),
        ({"parts": {"basis.npy": 7}}, "needs sha256 and bytes"),
        ({"concepts": {"ids": []}}, "needs 'bank' and 'ids'"),
        ({"concepts": {"bank": "", "ids": ["a", "a"]}}, "list of different texts"),
        ({"concepts": {"bank": "", "ids": 3}}, "list of different texts"),
        ({"concepts": {"bank": "", "ids": [3]}}, "list of different texts"),
    ],
)
def test_every_fault_of_the_header_is_named(made, changes, message):
    change_header(made.folder, **changes)
    with pytest.raises(ArtifactError, match=message):
        load_bundle(made.folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"text"', "\xff"])
def test_a_header_that_is_no_table(made, text):
    (made.folder / HEADER).write_bytes(text.encode("latin-1"))
    with pytest.raises(ArtifactError, match="Export"):
        load_bundle(made.folder)


def test_pickled_objects_are_never_read(tmp_path, made):
    import hashlib

    path = made.folder / "basis.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    parts = dict(made.header.parts)
    parts["basis.npy"] = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size}
    change_header(made.folder, parts=parts)
    with pytest.raises(ArtifactError, match="pickled objects are never read"):
        load_bundle(made.folder)
    with pytest.raises(ArtifactError, match="cannot be a part"):
        write_bundle(tmp_path / "new", CARD, {"basis": np.array([{}], dtype=object)}, {})
    assert not (tmp_path / "new").exists()


# ------------------------------------------------------------------------------------------------ writing


def test_nothing_is_replaced_unless_told(tmp_path, made, arrays):
    with pytest.raises(OptionError, match="is there already"):
        write_bundle(made.folder, CARD, arrays, {})
    new = write_bundle(made.folder, replace(CARD, title="Another"), {}, {}, overwrite=True)
    assert new.header.title == "Another"
    assert sorted(p.name for p in new.folder.iterdir()) == [HEADER], "no part of the old one stays"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["made"]
    own = tmp_path / "photos"
    own.mkdir()
    with pytest.raises(OptionError, match="left as it is"):
        write_bundle(own, CARD, {}, {}, overwrite=True)
    assert own.is_dir(), "what is no bundle is never replaced"


@pytest.mark.parametrize("fails_at", ["basis.npy", HEADER, "rename"])
@pytest.mark.parametrize("replaces", [False, True])
def test_an_interrupted_write_leaves_what_was_there(tmp_path, arrays, monkeypatch, fails_at, replaces):
    folder = tmp_path / "made"
    if replaces:
        before = write_bundle(folder, replace(CARD, title="Before"), arrays, {})
    if fails_at == "rename":

        def refuse(self, target, *, whole=Path.rename):
            if self.name.endswith(".part"):
                raise KeyboardInterrupt
            return whole(self, target)

        monkeypatch.setattr(Path, "rename", refuse)
    else:
        from whence.core import bundle

        def stop(path, data, *, whole=bundle._write):
            whole(path, data[: len(data) // 2])
            if path.name == fails_at:
                raise KeyboardInterrupt

        monkeypatch.setattr(bundle, "_write", stop)
    with pytest.raises(KeyboardInterrupt):
        write_bundle(folder, CARD, arrays, {}, overwrite=replaces)
    assert sorted(p.name for p in tmp_path.iterdir()) == (["made"] if replaces else [])
    if replaces:
        assert load_bundle(folder).hash == before.hash


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training_data": ""}, "says nothing under training_data"),
        ({"name": "a b"}, "is no name"),
        ({"calibration": {"error": float("nan")}}, "a value that JSON does not know"),
        ({"config": {"scale": np.float32(1)}}, "a value that JSON does not know"),
    ],
)
def test_an_incomplete_card_is_not_written(tmp_path, changes, message):
    with pytest.raises(ArtifactError, match=message):
        write_bundle(tmp_path / "made", replace(CARD, **changes), {}, {})
    with pytest.raises(ArtifactError, match="no name of a part"):
        write_bundle(tmp_path / "made", CARD, {"../up": np.zeros(1)}, {})
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------------ names


def test_bundles_are_found_by_name(tmp_path, monkeypatch, arrays):
    first, second, cache = (tmp_path / name for name in ("first", "second", "cache"))
    monkeypatch.setenv("WHENCE_MODELS", os.pathsep.join([str(first), str(second)]))
    monkeypatch.setenv("WHENCE_CACHE", str(cache))
    known = set(list_bundles())
    write_bundle(second / "pocket-2", CARD, arrays, {})
    write_bundle(first / "chips", replace(CARD, title="First"), {}, {})
    write_bundle(second / "chips", replace(CARD, title="Second"), {}, {})
    write_bundle(cache / "models" / "cached", CARD, {}, {})
    (first / "no_bundle").mkdir()
    assert set(list_bundles()) - known == {"chips", "pocket-2", "cached"}
    assert load_bundle("chips").header.title == "First"
    assert load_bundle("cached").folder == cache / "models" / "cached"
    assert find_bundle(second / "chips") == second / "chips"
    with pytest.raises(OptionError, match="Did you mean 'pocket-2'"):
        load_bundle("pocket-3")
    for text in ("../second/chips", "no_bundle", ""):
        with pytest.raises(OptionError, match="There is no bundle"):
            load_bundle(text)


def test_without_any_bundle_the_folders_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr("whence.core.bundle.model_folders", lambda: (tmp_path / "nowhere",))
    with pytest.raises(OptionError, match=r"no bundles lie in .*nowhere\. .*WHENCE_MODELS"):
        load_bundle("pocket")


def test_the_cache_folder():
    assert cache_folder({"WHENCE_CACHE": "/somewhere"}) == Path("/somewhere")
    assert cache_folder({"WHENCE_CACHE": "~/kept"}) == Path.home() / "kept"
    if sys.platform == "linux":
        assert cache_folder({}) == Path.home() / ".cache" / "whence"
        assert cache_folder({"XDG_CACHE_HOME": "/x", "WHENCE_CACHE": ""}) == Path("/x/whence")
    folders = model_folders({"WHENCE_MODELS": os.pathsep.join(["/a", "/b"]), "WHENCE_CACHE": "/c"})
    assert folders[:3] == (Path("/a"), Path("/b"), Path("/c/models"))
    assert folders[3].parts[-2:] == ("whence", "models")
