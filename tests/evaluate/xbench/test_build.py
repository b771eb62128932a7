"""Building and freezing: which pairs there are, and that nothing can be changed unseen."""

import json

import numpy as np
import pytest

from made_xbench import benchmark, candidate
from whence.core.errors import ArtifactError, InputError, OptionError
from whence.earth.tiles.georeference import GeoReference
from whence.evaluate.xbench.build import Config, build
from whence.evaluate.xbench.candidates import candidates, similarity
from whence.evaluate.xbench.files import open_benchmark
from whence.evaluate.xbench.geometry import moved, pose
from whence.evaluate.xbench.negatives import Known, allowed, choose, edges_of, plain_descriptor, touching
from whence.samples.datasets.pairs.pairs_csv import PairsCsv


@pytest.fixture
def made(tmp_path):
    return benchmark(tmp_path / "bench")


def test_matched_and_mismatched_pairs(made):
    kinds = [item.difficulty for item in made.items]
    assert kinds.count("matched") == 4
    assert kinds.count("hard") == kinds.count("near") == kinds.count("easy") == 4
    for item in made.items:
        assert item.match == (item.place == item.reference_place) == (item.truth is not None)
    for number in range(4):
        shown = [item.reference.file for item in made.items if item.name.startswith(f"{number:05d}")]
        assert len(set(shown)) == 4  # no reference twice
    near = [item.reference_place for item in made.items if item.difficulty == "near" and item.place == "place 0"]
    hard = [item.reference_place for item in made.items if item.difficulty == "hard" and item.place == "place 0"]
    assert near == (["place 1"] if hard != ["place 1"] else ["place 2"])
    assert made.header.counts == {"test easy": 4, "test hard": 4, "test matched": 4, "test near": 4}
    assert made.check_pictures() == 8
    assert open_benchmark(made.folder).items == made.items


def test_the_same_settings_make_the_same_benchmark(made, tmp_path):
    assert benchmark(tmp_path / "again").header.items_sha256 == made.header.items_sha256
    drawn = [benchmark(tmp_path / f"of {seed}", near=0, hard=0, easy=1, seed=seed).items for seed in range(3)]
    assert drawn[0] != drawn[1] or drawn[1] != drawn[2]


def test_what_was_changed_is_refused(made):
    picture = made.folder / made.items[0].query.file
    content = picture.read_bytes()
    picture.write_bytes(content + b"x")
    with pytest.raises(ArtifactError, match="is not the one"):
        made.check_pictures()
    picture.unlink()
    with pytest.raises(ArtifactError, match="is not there"):
        made.check_pictures()
    items = made.folder / "items.jsonl"
    items.write_text(items.read_text().replace('"match": false', '"match": true', 1))
    with pytest.raises(ArtifactError, match=r"is not the list"):
        open_benchmark(made.folder)
    header = made.folder / "benchmark.json"
    header.write_text(json.dumps({**json.loads(header.read_text()), "schema": 9}))
    with pytest.raises(ArtifactError, match="schema 9"):
        open_benchmark(made.folder)
    with pytest.raises(InputError, match="no benchmark"):
        open_benchmark(made.folder / "pictures")


def test_development_places_are_held_apart(tmp_path):
    made = benchmark(tmp_path / "bench", test_share=0.5)
    tested = {item.place for item in made.of_split("test")}
    assert len(tested) == 2
    assert not tested & {item.place for item in made.of_split("dev")}


def test_what_cannot_be_built(made, tmp_path):
    with pytest.raises(InputError, match="already"):
        benchmark(made.folder)
    with pytest.raises(InputError, match="two places"):
        build([candidate(1)], tmp_path / "one", Config())
    with pytest.raises(OptionError, match="counts"):
        Config(easy=0, near=0, hard=0)


def test_rectangles_that_touch():
    def place(lon, lat):
        return GeoReference("EPSG:4326", (0.1, 0.0, lon, 0.0, -0.1, lat), 10, 10)

    corners = [(0, 0), (0.5, 0.5), (1.5, 0), (0, 1.5), (179.5, 0), (-179.8, 0)]
    edges = np.array([edges_of(place(lon, lat)) for lon, lat in corners] + [edges_of(None)])
    assert touching(edges, 0).tolist() == [True, True, False, False, False, False, False]
    assert touching(edges, 4).tolist() == [False, False, False, False, True, True, False]  # over the antimeridian
    assert touching(edges, 5).tolist() == touching(edges, 4).tolist()


def test_negatives_by_hand():
    places = ("a", "b", "c", "a")
    points = np.array([[0.0, 0.0], [0.0, 0.001], [0.0, 1.0], [0.0, 2.0]])
    vectors = np.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1], [1.0, 0.0]])
    nowhere = np.full((4, 4), np.nan)
    known = Known(places, points, nowhere, vectors)
    assert allowed(known, 0, apart_km=1.0).tolist() == [False, False, True, False]  # b is 111 m away
    assert allowed(known, 0, apart_km=0.05).tolist() == [False, True, True, False]
    draw = np.random.default_rng(0)
    assert choose(known, 0, "near", 1, 0.05, draw) == [1]
    assert choose(known, 0, "hard", 1, 0.05, draw) == [2]
    assert sorted(choose(known, 0, "easy", 5, 0.05, draw)) == [1, 2]
    unplaced = Known(places, np.full((4, 2), np.nan), nowhere, vectors)
    assert choose(unplaced, 0, "near", 1, 1.0, draw) == []


def test_the_descriptor_finds_what_looks_alike():
    from made_xbench import terrain

    one, other = terrain(1), terrain(2)
    vectors = plain_descriptor([one, np.clip(one.astype(int) + 10, 0, 255).astype(np.uint8), other])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


def test_a_pose_becomes_a_transform_and_back():
    place = GeoReference("EPSG:3857", (0.5, 0.0, 1_000_000.0, 0.0, -0.5, 5_000_000.0), 400, 300)
    transform = similarity((120.0, 80.0), 37.0, 2.0 * place.gsd_m_per_px, place, (60, 40))
    assert moved(transform, np.array([(30.0, 20.0)]))[0] == pytest.approx((120.0, 80.0))
    heading, gsd = pose(transform, place, (60, 40))
    assert heading == pytest.approx(37.0, abs=0.2)
    assert gsd == pytest.approx(2.0 * place.gsd_m_per_px, rel=1e-3)


def test_candidates_of_a_table(tmp_path):
    root = PairsCsv.make_miniature(tmp_path)
    found = list(candidates(PairsCsv(root), 48, 5.0, np.random.default_rng(0)))
    assert len(found) == 6
    for item in found:
        assert max(item.query.shape[:2]) <= 48
        assert max(item.reference.shape[:2]) <= 48
        at = item.truth.at_px
        lat, lon = item.georeference.to_lat_lon(*at)
        assert (float(lat), float(lon)) == pytest.approx((item.lat_deg, item.lon_deg), abs=1e-6)
        assert item.licence == "CC0"
        assert item.truth.transform is None  # the table states no ground sample distance


def test_candidates_of_the_real_pairs(shared):
    frames = [p for p in PairsCsv(shared / "data" / "crossview") if "brighton" in str(p.query)][:2]
    for item in candidates(frames, 512, 20.0, np.random.default_rng(0)):
        size = (item.query.shape[1], item.query.shape[0])
        heading, gsd = pose(item.truth.matrix, item.georeference, size)
        assert heading == pytest.approx(item.truth.heading_deg, abs=0.5)
        assert gsd == pytest.approx(item.truth.gsd_m_per_px, rel=0.02)
