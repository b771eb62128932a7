"""The file of predictions: what goes in comes out, smaller, whole or not at all."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pyarrow", reason="the extra 'scale' is not installed")

from whence.core.errors import ArtifactError, InputError, OptionError
from whence.earth.field import LN2, Field
from whence.earth.partition import Partition
from whence.evaluate.field_coding import WIDEST_NATS, ratio, restored, simplified
from whence.evaluate.prediction_file import Held, RunWriter, is_run, read_run, write_run
from whence.evaluate.records import Record, Run, SourceRecord, Truth

PRIOR = Field.from_points([48.0, 30.0, -20.0], [5.0, 110.0, -50.0], sigma_km=900.0, floor=0.2, base_order=5).normalise()
RUN = Run("made up", PRIOR, {"whence": "0.1"}, {"ignore_gps": "True"}, "a machine", "2026-01-01T00:00:00Z")


def fused(*parts):
    return Field.sum([PRIOR, *parts]).normalise()


def record(name="a.jpg", lat=48.86, lon=2.35, sigma=40.0, temperature=1.0):
    said = Field.from_points([lat], [lon], sigma_km=sigma, floor=0.05)
    belief = fused(said.scale(1 / temperature))
    source = SourceRecord("names", said, temperature, 3.25, None, 1.5)
    truth = Truth(48.8, 2.3, 5.0, "someone", {"place": "Paris", "note": "α"})
    return Record(
        name,
        "ab" * 32,
        truth,
        lat,
        lon,
        50.0,
        210.0,
        False,
        belief,
        (source, SourceRecord("text", None, failure="no")),
        {"point": {"lat_deg": lat}},
        None,
        12.5,
    )


def bits_apart(one, other):
    """Where two beliefs are how far apart, and the mass that each cell has in the first."""
    both = one.partition.union(other.partition)
    return np.abs(one.on(both).values - other.on(both).values) / LN2, one.on(both).mass


def test_records_come_back(tmp_path):
    path = tmp_path / "p.parquet"
    failed = Record(
        "b.jpg", "", Truth(0.0, 0.0), math.nan, math.nan, math.nan, math.nan, False, failure="ImageError: torn"
    )
    write_run(path, RUN, iter([record(), failed]))
    assert is_run(path)
    assert [p.name for p in tmp_path.iterdir()] == ["p.parquet"]
    found = read_run(path)
    first, second = found
    assert len(found) == 2
    assert (found.run.dataset, found.run.versions, found.run.system) == ("made up", {"whence": "0.1"}, "whence")
    assert np.allclose(found.run.prior.values, PRIOR.values, atol=1e-6)
    one = record()
    for name in ("name", "sha256", "lat_deg", "lon_deg", "p50_km", "p90_km", "abstained", "estimate", "elapsed_ms"):
        assert getattr(first, name) == getattr(one, name), name
    assert (first.truth.group, dict(first.truth.attributes)) == ("someone", {"place": "Paris", "note": "α"})
    assert [(s.source, s.bits, s.failure) for s in first.sources] == [("names", 3.25, None), ("text", 0.0, "no")]
    assert math.isnan(second.lat_deg)
    assert (second.failure, second.belief, second.sources, second.truth.accuracy_km) == (
        "ImageError: torn",
        None,
        (),
        None,
    )
    assert found[1].name == found[-1].name == "b.jpg"
    assert [r.belief for r in found.records(beliefs=False, estimates=False)] == [None, None]
    assert found.column("p50_km") == [50.0, None]
    with pytest.raises(IndexError):
        found[2]


@pytest.mark.parametrize("temperature", [1.0, 0.3, 4.0])
def test_beliefs_lose_next_to_nothing(tmp_path, temperature):
    whole = record(sigma=60.0, temperature=temperature)
    alone = replace(whole, name="b.jpg", sources=())
    write_run(tmp_path / "p.parquet", RUN, [whole, alone])
    for item in read_run(tmp_path / "p.parquet"):
        apart, mass = bits_apart(whole.belief, item.belief)
        assert (apart * mass).sum() < 0.01, item.name
        assert apart.max() < WIDEST_NATS / LN2, item.name
        there = item.belief.at(48.86, 2.35) - whole.belief.at(48.86, 2.35)
        assert abs(there) / LN2 < 0.01


def test_beliefs_of_the_sources_are_not_kept_twice(tmp_path):
    write_run(tmp_path / "p.parquet", RUN, [record(), replace(record("b.jpg"), belief=PRIOR)])
    found = read_run(tmp_path / "p.parquet")
    assert found.column("belief_kind") == ["sources", "field"]
    assert np.allclose(found[1].belief.information_gain_bits(PRIOR), 0.0, atol=1e-3)


@given(seed=st.integers(0, 50), rough=st.sampled_from([0.1, 1.0, 4.0]))
def test_any_likelihood_is_kept_within_the_bounds(seed, rough):
    generator = np.random.default_rng(seed)
    partition = Partition.uniform(4)
    said = Field(partition, rough * generator.normal(size=len(partition)))
    belief = fused(said)
    small = simplified(ratio(belief, PRIOR), PRIOR, belief)
    apart, mass = bits_apart(belief, restored(small, PRIOR))
    assert (apart * mass).sum() < 0.01
    assert apart.max() < (WIDEST_NATS + 2 * 0.01) / LN2


def test_cells_are_merged_by_hand():
    """Twelve base cells, each in four: one such four differs little, one much, the rest are equal."""
    values = np.zeros(48)
    values[4:8] = [0.0, 0.004, 0.008, 0.004]
    values[8:12] = [0.0, 2.0, 0.0, 0.0]
    uniform = Field.uniform(1)
    found = simplified(Field(Partition.uniform(1), values), uniform)
    assert len(found.partition) == 11 + 4
    assert found.values.max() == 0.0
    assert found.values[2:6].tolist() == pytest.approx([-2.0, 0.0, -2.0, -2.0], abs=0.005)


def test_what_is_ruled_out_stays_ruled_out():
    values = np.zeros(48)
    values[:4], values[4] = -np.inf, -np.inf
    uniform = Field.uniform(1)
    found = simplified(Field(Partition.uniform(1), values), uniform)
    assert np.isneginf(found.values).sum() == 2
    assert len(found.partition) == 11 + 4
    belief = restored(found, uniform)
    assert np.isneginf(belief.at(*[float(a) for a in np.array(uniform.partition.centres_of(np.array([4]))).ravel()]))


def test_a_small_file_for_a_wide_prior():
    prior = Field.uniform(7)
    belief = prior.add(Field.from_points([48.0], [2.0], sigma_km=400.0, floor=0.05)).normalise()
    from whence.earth.fieldfile import to_bytes

    assert len(to_bytes(simplified(ratio(belief, prior), prior, belief))) < 30_000


def test_going_on_after_an_interruption(tmp_path):
    path = tmp_path / "p.parquet"
    with RunWriter(path, RUN) as writer:
        writer.write(record("a.jpg"))
        writer.write(replace(record("b.jpg"), failure="out of memory", belief=None, sources=()))
    assert not path.exists()
    with writer.part.open("ab") as file:
        file.write(b"\xff\xff\xff\xff\x00\x10\x00\x00torn")
    with RunWriter(path, RUN, resume=True) as writer:
        assert ("a.jpg" in writer, "c.jpg" in writer, len(writer)) == (True, False, 2)
        assert writer.held("b.jpg") == Held("ab" * 32, "out of memory")
        assert writer.held("c.jpg") is None
        writer.write(record("b.jpg"))
        writer.write(record("c.jpg"))
        writer.finish(["c.jpg", "a.jpg", "b.jpg", "never.jpg"])
    assert [(r.name, r.failure) for r in read_run(path)] == [("c.jpg", None), ("a.jpg", None), ("b.jpg", None)]
    assert not writer.part.exists()


def test_a_part_of_another_run_is_refused(tmp_path):
    path = tmp_path / "p.parquet"
    with RunWriter(path, RUN) as writer:
        writer.write(record())
    with pytest.raises(OptionError, match="options differ"):
        RunWriter(path, replace(RUN, options={}), resume=True)
    with RunWriter(path, replace(RUN, options={})) as writer:
        assert len(writer) == 0
    writer.part.write_bytes(b"")
    with RunWriter(path, RUN, resume=True) as writer:
        writer.finish()
    assert len(read_run(path)) == 0


def test_nothing_is_left_of_a_failed_write(tmp_path):
    def broken():
        yield record()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_run(tmp_path / "p.parquet", RUN, broken())
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="There is no file"):
        read_run(tmp_path / "p.parquet")
    (tmp_path / "p.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(ArtifactError, match="no Parquet"):
        read_run(tmp_path / "p.parquet")
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": [1]}), tmp_path / "p.parquet")
    with pytest.raises(ArtifactError, match="no file of predictions"):
        read_run(tmp_path / "p.parquet")
    pq.write_table(
        pa.table({"a": [1]}).replace_schema_metadata({"whence": '{"schema": "x/2"}'}), tmp_path / "p.parquet"
    )
    with pytest.raises(ArtifactError, match="x/2"):
        read_run(tmp_path / "p.parquet")
    assert not is_run(tmp_path / "none")
    with pytest.raises(OptionError, match="cannot be written"):
        RunWriter(tmp_path / "p.parquet" / "deeper.parquet", RUN)
