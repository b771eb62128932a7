"""What `geoclip_speed.py` compares: each side runs in a process of its own and does its work when asked to.

GeoCLIP 1.3.0 is run from its own files; the package is not imported, as that would need torchvision.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

THREADS = int(os.environ.get("OMP_NUM_THREADS", "2"))
SHARPNESS = 39.7  # exp of the published logarithm, rounded; the order of the answers does not depend on it
TRAINED = {  # shown name: settings of our loop
    "same, float32": {},
    "same, bf16": {"optimiser.precision": "bf16"},
    "memory, float32": {"loss.queue_memory": "true"},
    "memory, bf16": {"loss.queue_memory": "true", "optimiser.precision": "bf16"},
}


def geoclip_folder() -> Path:
    """Where the files of the package ``geoclip`` lie."""
    spec = find_spec("geoclip")
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / "model" / "location_encoder.py").is_file():
            return Path(place) / "model"
    raise SystemExit("geoclip is not installed: pip install --no-deps geoclip==1.3.0 (or put it on PYTHONPATH)")


def coordinates() -> np.ndarray:
    """GeoCLIP's gallery, (lat, lon) in degrees."""
    return np.loadtxt(geoclip_folder() / "gps_gallery" / "coordinates_100K.csv", delimiter=",", skiprows=1)


def published_encoder() -> Any:
    """GeoCLIP's own location encoder with its weights; of ``misc.py`` (which needs pandas) only a path is used."""
    folder = geoclip_folder()
    package, misc = ModuleType("published"), ModuleType("published.misc")
    package.__path__ = [str(folder)]
    misc.file_dir = str(folder)  # type: ignore[attr-defined]
    sys.modules |= {"published": package, "published.misc": misc}
    return importlib.import_module("published.location_encoder").LocationEncoder().eval()


def now() -> tuple[float, float]:
    """Seconds on the wall's clock, and of the processor for all threads of this process."""
    return time.perf_counter(), time.process_time()


def since(began: tuple[float, float]) -> tuple[float, float]:
    """Both kinds of seconds that passed."""
    return time.perf_counter() - began[0], time.process_time() - began[1]


def torch_here() -> Any:
    """PyTorch, told how many threads."""
    import torch

    torch.set_num_threads(THREADS)
    return torch


class PublishedGallery:
    """GeoCLIP's prediction after the picture: encode the gallery, normalise, softmax, top k."""

    def __init__(self) -> None:
        self.torch = torch_here()
        self.encoder = published_encoder()
        self.places = self.torch.tensor(coordinates(), dtype=self.torch.float32)

    def embedded(self) -> Any:
        """The gallery, encoded."""
        with self.torch.no_grad():
            return self.torch.nn.functional.normalize(self.encoder(self.places), dim=1)

    def top(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, list[tuple[float, float]]]:
        """Rows of the best places and seconds of each query."""
        rows, seconds = [], []
        for query in self.torch.from_numpy(queries):
            began = now()
            belief = (SHARPNESS * (query[None] @ self.embedded().T)).softmax(dim=-1)
            rows.append(self.torch.topk(belief, k, dim=1).indices[0].numpy())
            seconds.append(since(began))
        return np.stack(rows), seconds

    def answers(self, queries: np.ndarray, k: int, path: str) -> np.ndarray:
        """Rows of the best places of many queries, each asked alone of a gallery that is encoded once; kept in path."""
        places = self.embedded()
        np.save(path, places.numpy())
        found = [(SHARPNESS * (query[None] @ places.T)).softmax(dim=-1) for query in self.torch.from_numpy(queries)]
        return np.stack([self.torch.topk(belief, k, dim=1).indices[0].numpy() for belief in found])


class OurGallery:
    """`whence.gallery`, opened from its folder."""

    def __init__(self, folder: str) -> None:
        from whence.gallery.gallery import Gallery

        self.gallery = Gallery.open(folder, threads=THREADS)

    def top(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, list[tuple[float, float]]]:
        """Rows of the best places and seconds of each query, asked one by one."""
        rows, seconds = [], []
        for query in queries:
            began = now()
            rows.append(self.gallery.top(query[None], k).rows[0])
            seconds.append(since(began))
        return np.stack(rows), seconds

    def together(self, queries: np.ndarray, k: int) -> tuple[float, float]:
        """Seconds a query when all are asked at once."""
        began = now()
        self.gallery.top(queries, k)
        wall, processor = since(began)
        return wall / len(queries), processor / len(queries)


class PlainCache:
    """The least that one would do: embeddings in memory, one product in float32, the top k."""

    def __init__(self, path: str) -> None:
        self.rows = np.load(path)

    def top(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, list[tuple[float, float]]]:
        """Rows of the best places and seconds of each query."""
        rows, seconds = [], []
        for query in queries:
            began = now()
            scores = self.rows @ query
            best = np.argpartition(scores, len(scores) - k)[len(scores) - k :]
            rows.append(best[np.argsort(-scores[best])])
            seconds.append(since(began))
        return np.stack(rows), seconds


class Build:
    """Makes what the other sides read."""

    def gallery(self, folder: str) -> float:
        """Encode and write the gallery with GeoCLIP's weights in our encoder; seconds."""
        torch = torch_here()
        from whence.encode.location.geoclip import load_published
        from whence.gallery.gallery import Gallery

        encoder = load_published(geoclip_folder() / "weights" / "location_encoder_weights.pth")

        class Model:
            def embed_places(self, lat_deg: np.ndarray, lon_deg: np.ndarray) -> np.ndarray:
                places = torch.tensor(np.stack([lat_deg, lon_deg], axis=1), dtype=torch.float32)
                with torch.no_grad():
                    return torch.nn.functional.normalize(encoder(places), dim=1).numpy()

        began = time.perf_counter()
        Gallery.build(Model(), *coordinates().T, folder, made_by="geoclip 1.3.0")
        return time.perf_counter() - began

    def queries(self, count: int, seed: int) -> dict[str, np.ndarray]:
        """Unit vectors to ask for: of three kinds, as there are no pictures with published features here."""
        torch = torch_here()
        rng = np.random.default_rng(seed)
        weights = torch.load(geoclip_folder() / "weights" / "image_encoder_mlp_weights.pth", weights_only=True)
        hidden = np.maximum(
            rng.normal(size=(count, 768)) @ weights["0.weight"].numpy().T + weights["0.bias"].numpy(), 0
        )
        with torch.no_grad():
            chosen = torch.tensor(coordinates()[rng.integers(0, 100_000, count)], dtype=torch.float32)
            near = published_encoder()(chosen).numpy()
        near /= np.linalg.norm(near, axis=1, keepdims=True)
        noise = rng.normal(size=near.shape) / np.sqrt(near.shape[1])
        kinds = {
            "published head on random features": hidden @ weights["2.weight"].numpy().T + weights["2.bias"].numpy(),
            "a place with three times its length of noise": near + 3 * noise,
            "random directions": noise,
        }
        unit = {name: rows / np.linalg.norm(rows, axis=1, keepdims=True) for name, rows in kinds.items()}
        return {name: rows.astype(np.float32) for name, rows in unit.items()}

    def tower(self, folder: str, layers: int, seed: int) -> dict[str, float]:
        """Export CLIP ViT-L/14 of random weights in float32 and in eight bits; megabytes."""
        torch_here()
        from whence.train.export import export_graph, quantise

        pixels = some_pixels(4, seed)
        graph = export_graph(clip(layers, seed), [torch_here().from_numpy(pixels[:2])], ["pixels"], ["embedding"])
        (Path(folder) / "float32.onnx").write_bytes(graph)
        small = quantise(graph, pixels, "pixels")
        (Path(folder) / "int8.onnx").write_bytes(small)
        return {"float32": len(graph) / 1e6, "int8": len(small) / 1e6}


def clip(layers: int, seed: int) -> Any:
    """CLIP's picture tower, ViT-L/14 with random weights."""
    torch = torch_here()
    from whence.encode.image.clip import Clip, Config

    return Clip(Config(weights="random", layers=layers), torch.Generator().manual_seed(seed)).eval()


def some_pixels(count: int, seed: int) -> np.ndarray:
    """Smooth random pictures of 224 × 224, preprocessed."""
    from PIL import Image

    from whence.encode.preprocessing import Preprocessing

    coarse = np.random.default_rng(seed).integers(0, 256, (count, 9, 12, 3), dtype=np.uint8)
    made = [np.asarray(Image.fromarray(item).resize((224, 224), Image.Resampling.BICUBIC)) for item in coarse]
    return Preprocessing(crop_px=224).normalise(np.stack(made))


class TorchTower:
    """The tower in PyTorch, eager, float32."""

    def __init__(self, layers: int, seed: int) -> None:
        self.torch, self.tower = torch_here(), clip(layers, seed)

    def embed(self, pixels: np.ndarray) -> tuple[np.ndarray, list[tuple[float, float]]]:
        """Embeddings, and seconds of each picture."""
        return one_by_one(lambda x: self.tower(self.torch.from_numpy(x)).numpy(), pixels, self.torch.no_grad())


class OnnxTower:
    """The tower in ONNX Runtime, as serving runs it."""

    def __init__(self, path: str) -> None:
        from whence.core.bundle import open_session

        self.session = open_session(Path(path), THREADS)

    def embed(self, pixels: np.ndarray) -> tuple[np.ndarray, list[tuple[float, float]]]:
        """Embeddings, and seconds of each picture."""
        return one_by_one(lambda x: self.session.run(["embedding"], {"pixels": x})[0], pixels)


def one_by_one(
    run: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray, context: Any = None
) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """Run picture after picture."""
    found, seconds = [], []
    if context is not None:
        context.__enter__()
    for i in range(len(pixels)):
        began = now()
        found.append(run(pixels[i : i + 1]))
        seconds.append(since(began))
    return np.concatenate(found), seconds


# ------------------------------------------------------------------------------------------------ training


def made_data(count: int, seed: int) -> Any:
    """Features that a place leaves with much noise, at places of GeoCLIP's gallery; both sides get the same."""
    from whence.train.data.types import Part, TrainingData

    rng = np.random.default_rng(seed)
    places = coordinates()[rng.permutation(100_000)[: count + 3_000]]
    lat, lon = np.radians(places).T
    points = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)
    waves = rng.normal(size=(3, 768)) * rng.choice([1.0, 4.0, 12.0], 768)
    features = np.cos(points @ waves + rng.uniform(0, 2 * np.pi, 768)) + rng.normal(size=(len(places), 768))
    cut = (slice(count), slice(count, count + 1_000), slice(count + 1_000, None))
    parts = [Part(features[part].astype(np.float32), *places[part].T) for part in cut]
    return TrainingData(*parts, *places[count + 1_000 :].T, card="made")


class Training:
    """One loop on frozen features: ours, with some settings, or the published one written plainly."""

    def __init__(self, name: str, count: int, batch: int, seed: int) -> None:
        self.torch, self.data, self.done = torch_here(), made_data(count, seed), 0
        from whence.train.loop import Trainer
        from whence.train.recipe import parse_recipe

        table: dict[str, Any] = {
            "schema": 1,
            "name": "speed",
            "seed": seed,
            "data": {"kind": "photos"},
            "image": {"encoder": "mlp_head"},
            "location": {"encoder": "geoclip"},
            "loss": {"queue": 4096},
            "optimiser": {
                "batch": batch,
                "learning_rate": 1e-4,
                "schedule": "constant",
                "clip": 0.0,
                "precision": "no",
            },
        }
        self.trainer = Trainer(parse_recipe(table, TRAINED.get(name, {})), self.data)
        self.model = self.trainer.model
        self.step = self._our_step if name in TRAINED else self._published_steps(batch, seed)

    def _our_step(self) -> None:
        self.trainer.take_step()

    def _published_steps(self, batch: int, seed: int) -> Callable[[], None]:
        """The loop of GeoCLIP 1.3.0: a queue of coordinates, encoded again with gradients at every step."""
        torch, data = self.torch, self.data.train
        image, location, scale = self.model.image, self.model.location, self.model.log_logit_scale
        features, places = torch.from_numpy(data.inputs), torch.from_numpy(data.lat_lon_deg).float()
        generator = torch.Generator().manual_seed(seed)
        queue = torch.nn.functional.normalize(torch.randn(2, 4096, generator=generator), dim=0).T.clone()
        weights = [item for item in self.model.parameters() if item.requires_grad]
        optimiser = torch.optim.AdamW(weights, lr=1e-4, weight_decay=1e-2)
        right, normalize = torch.arange(batch), torch.nn.functional.normalize
        state = {"at": 0, "order": torch.randperm(len(places), generator=generator)}

        def step() -> None:
            if (state["at"] + 1) * batch > len(places):
                state.update(at=0, order=torch.randperm(len(places), generator=generator))
            rows = state["order"][state["at"] * batch : (state["at"] + 1) * batch]
            at = self.done * batch % 4096
            optimiser.zero_grad()
            everywhere = torch.cat([places[rows], queue])
            queue[at : at + batch] = places[rows]
            images, embedded = image(features[rows]), location(everywhere)
            logits = scale.exp() * (normalize(images, dim=1) @ normalize(embedded, dim=1).T)
            loss = torch.nn.functional.cross_entropy(logits, right)
            loss.backward()
            optimiser.step()
            loss.item()
            state["at"] += 1

        return step

    def steps(self, count: int) -> list[tuple[float, float]]:
        """Take steps; seconds of each."""
        seconds = []
        self.model.train()
        for _ in range(count):
            began = now()
            self.step()
            self.done += 1
            seconds.append(since(began))
        return seconds

    def validation(self) -> float:
        """Loss of 1,000 held-out features among their places and 2,000 others, float32, nats."""
        torch, part = self.torch, self.data.validation
        other = np.stack([self.data.gallery_lat_deg, self.data.gallery_lon_deg], axis=1)
        places = torch.from_numpy(np.concatenate([part.lat_lon_deg, other])).float()
        self.model.eval()
        with torch.no_grad():
            found = [self.model.embed_places(some) for some in places.split(1_000)]
            logits = (
                self.model.logit_scale * self.model.embed_images(torch.from_numpy(part.inputs)) @ torch.cat(found).T
            )
            return float(torch.nn.functional.cross_entropy(logits, torch.arange(len(part))))


def serve(connection: Any, kind: str, arguments: dict[str, Any]) -> None:
    """Work of a side's process: make it, then answer until told nothing more."""
    side = globals()[kind](**arguments)
    connection.send(os.getpid())
    for name, given in iter(connection.recv, None):
        own = {"memory": memory_mb, "processor": time.process_time}
        connection.send(own[name]() if name in own else getattr(side, name)(**given))


def memory_mb() -> float:
    """Peak memory of this process so far."""
    with Path("/proc/self/status").open() as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024
