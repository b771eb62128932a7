"""Training learns, resumes exactly, runs on two processes, and ends in a bundle that locates."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from made_world import made_world

torch = pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("accelerate", reason="the extra train is not installed")

from whence.core.errors import ArtifactError, OptionError  # noqa: E402
from whence.train.checkpoint import FILE, write_checkpoint  # noqa: E402
from whence.train.loop import Trainer  # noqa: E402
from whence.train.recipe import Recipe, parse_recipe  # noqa: E402
from whence.train.run import export_run, load_data, load_run, train_recipe  # noqa: E402

_CHANGES = {
    "data.count": "600",
    "data.gallery": "1000",
    "data.side_px": "16",
    "data.side_deg": "10",
    "image.side_px": "16",
    "image.width": "8",
    "image.blocks": "1",
    "image.dim": "16",
    "location.degrees": "6",
    "location.width": "32",
    "location.dim": "16",
    "loss.queue": "128",
    "loss.sigma_km": "500",
    "optimiser.batch": "64",
    "optimiser.epochs": "6",
    "optimiser.learning_rate": "3e-3",
    "optimiser.precision": "no",
}


@pytest.fixture(scope="module")
def raster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("world") / "world.png"
    Image.fromarray(made_world()).save(path)
    return path


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def _recipe(raster: Path, **changes: str) -> Recipe:
    table = {
        "schema": 1,
        "name": "small",
        "summary": "A small model of a made world.",
        "data": {"kind": "chips", "raster": str(raster)},
        "image": {"encoder": "chipnet"},
        "location": {"encoder": "spherical_harmonics_siren"},
    }
    return parse_recipe(table, {**_CHANGES, **{key.replace("__", "."): value for key, value in changes.items()}})


_CONCEPTS = {
    "concepts__basis": "prototypes",
    "concepts__supervised_weight": "0.3",
    "concepts__divergence": "cauchy_schwarz",
    "concepts__divergence_weight": "0.1",
    "concepts__places": "32",
}


def test_a_model_learns_where_colours_are(raster: Path) -> None:
    run = train_recipe(_recipe(raster, optimiser__epochs="25", **_CONCEPTS))
    chance_km = 8_000
    assert run.scores["median"]["median_km"] < 0.25 * chance_km
    assert run.scores["bits"] > 1.5
    assert run.model.basis is not None
    assert run.model.basis.delta.abs().max() > 0


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {
            **_CONCEPTS,
            "optimiser__ema": "0.9",
            "image__dropout": "0.2",
            "augment__brightness": "0.1",
            "augment__shift_px": "1",
        },
        {"optimiser__method": "muon"},
    ],
    ids=["plain", "everything", "muon"],
)
def test_a_resumed_run_equals_one_that_was_never_stopped(raster: Path, tmp_path: Path, changes: dict[str, str]) -> None:
    recipe = _recipe(raster, optimiser__epochs="2", **changes)
    data = load_data(recipe)
    whole = Trainer(recipe, data)
    whole.run()
    stopped = Trainer(recipe, data, tmp_path)
    for _ in range(5):
        stopped.take_step()
    stopped._save()
    resumed = Trainer(recipe, data, tmp_path)
    resumed.run()
    assert resumed.step == whole.step
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name


def test_a_checkpoint_of_another_recipe_or_a_broken_one_is_refused(raster: Path, tmp_path: Path) -> None:
    recipe = _recipe(raster, optimiser__epochs="0.2")
    Trainer(recipe, load_data(recipe), tmp_path).run()
    other = _recipe(raster, optimiser__epochs="0.4")
    with pytest.raises(ArtifactError, match="another recipe"):
        Trainer(other, load_data(other), tmp_path).run()
    (tmp_path / FILE).write_bytes(b"broken")
    with pytest.raises(ArtifactError, match="cannot be read"):
        Trainer(recipe, load_data(recipe), tmp_path).run()


def test_early_stopping_keeps_the_best_weights(raster: Path) -> None:
    # At such a rate the model does not get better, so that the first validation stays the best.
    recipe = _recipe(
        raster,
        optimiser__epochs="10",
        optimiser__validate_every="1",
        optimiser__patience="2",
        optimiser__learning_rate="0.0",
    )
    trainer = Trainer(recipe, load_data(recipe))
    trainer.run()
    assert [entry["step"] for entry in trainer.history] == [trainer.steps_per_epoch * (i + 1) for i in range(3)]
    assert trainer.step < trainer.total_steps


def test_the_queue_holds_real_places_and_then_those_seen_last(raster: Path) -> None:
    recipe = _recipe(raster, loss__queue_memory="true")
    trainer = Trainer(recipe, load_data(recipe))
    seen = {tuple(row) for row in trainer.feed.lat_lon_deg.tolist()}
    assert all(tuple(row) in seen for row in trainer.queue.tolist())
    rows = trainer.feed.rows(recipe.seed, 0, recipe.optimiser.batch)
    trainer.take_step()
    assert torch.equal(trainer.queue[: len(rows)], trainer.feed.lat_lon_deg[rows])
    assert trainer.memory is not None
    assert trainer.memory.shape == (128, 16)


def test_schedules(raster: Path) -> None:
    data = load_data(_recipe(raster))
    cosine = Trainer(_recipe(raster), data)
    rates = []
    for step in range(cosine.total_steps):
        cosine.step = step
        rates.append(cosine.rate())
    assert max(rates) == pytest.approx(1.0)
    assert rates[-1] < 0.01
    assert rates[0] < 1.0
    published = Trainer(_recipe(raster, optimiser__schedule="geoclip"), data)
    published.step = 3 * published.steps_per_epoch
    assert published.rate() == pytest.approx(0.87**3)


def test_places_may_learn_at_a_rate_of_their_own(raster: Path) -> None:
    data = load_data(_recipe(raster))
    still = Trainer(_recipe(raster, optimiser__location_learning_rate="1e-12", optimiser__weight_decay="0"), data)
    before = {name: value.clone() for name, value in still.model.state_dict().items()}
    for _ in range(3):
        still.take_step()
    after = still.model.state_dict()
    moved = {
        name: float((after[name] - value).abs().max()) for name, value in before.items() if value.is_floating_point()
    }
    assert max(change for name, change in moved.items() if name.startswith("location.")) < 1e-8
    assert moved["image.head.weight"] > 1e-4


def test_lengths_that_do_not_fit_are_named(raster: Path) -> None:
    recipe = _recipe(raster, location__dim="8")
    with pytest.raises(OptionError, match="one length of embedding"):
        Trainer(recipe, load_data(recipe))


def test_an_interrupted_write_leaves_the_checkpoint_before(raster: Path, tmp_path: Path, monkeypatch) -> None:
    recipe = _recipe(raster, optimiser__epochs="0.2")
    trainer = Trainer(recipe, load_data(recipe), tmp_path)
    trainer.run()
    before = (tmp_path / FILE).read_bytes()

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    from whence.train import checkpoint

    monkeypatch.setattr(checkpoint, "save_file", fail)
    with pytest.raises(KeyboardInterrupt):
        write_checkpoint(tmp_path, checkpoint.Checkpoint.of(trainer))
    assert (tmp_path / FILE).read_bytes() == before


def test_a_run_is_exported_and_gives_the_embeddings_that_it_had(raster: Path, tmp_path: Path) -> None:
    from whence.encode.bundled import AlignmentModel
    from whence.train.scoring import embedded_images, embedded_places

    recipe = _recipe(raster, optimiser__epochs="3", **_CONCEPTS)
    train_recipe(recipe, tmp_path / "run")
    assert json.loads((tmp_path / "run" / "scores.json").read_text())["test_pictures"] > 0
    run = load_run(tmp_path / "run")
    bundle = export_run(tmp_path / "run", tmp_path / "bundle")
    served = AlignmentModel(bundle)
    part = run.data.test
    places = served.embed_places(part.lat_deg, part.lon_deg)
    assert np.abs(places - embedded_places(run.model, part.lat_deg, part.lon_deg)).max() < 1e-4
    pixels = run.model.image.preprocessing.normalise(part.inputs[:20])
    found = bundle.session("image").run(None, {"pixels": pixels})[0]
    assert np.abs(found - embedded_images(run.model, part)[:20]).max() < 1e-4
    assert bundle.header.concept_ids
    assert bundle.header.config["views"] == "satellite"


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no finished run"):
        export_run(tmp_path, tmp_path / "bundle")


@pytest.mark.timeout(240)
def test_two_processes_train_one_model(raster: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "small.toml"
    recipe.write_text(
        'schema = 1\nname = "small"\nsummary = "Two processes."\n[data]\nkind = "chips"\n[image]\nencoder = "chipnet"\n'
        '[location]\nencoder = "spherical_harmonics_siren"\n'
    )
    changes = {**_CHANGES, "data.raster": str(raster), "optimiser.epochs": "1", "optimiser.batch": "32"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={port}"]
    command += ["-m", "whence", "train", str(recipe), "--out", str(tmp_path / "run"), "--json"]
    command += [part for name, value in changes.items() for part in ("--set", f"{name}={value}")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=220, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert scores["steps"] == 480 // 64
