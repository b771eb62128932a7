from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from types import MappingProxyType

import numpy as np
import pytest

from whence.core.errors import ArtifactError
from whence.earth import tables


def test_hashes_are_those_of_the_files():
    folder = files("whence.earth") / "tables"
    short = tables.table_hashes()
    assert "gazetteer.npz" in short
    for name, known in short.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest()[:12] == known


def test_no_file_beside_those_of_the_manifest_and_together_below_14_mb():
    folder = files("whence.earth") / "tables"
    names = {entry.name for entry in folder.iterdir()}
    assert names == set(tables.table_hashes()) | {"manifest.json", "CARD.md"}
    assert sum(entry["bytes"] for entry in tables.manifest()["files"].values()) < 14e6


def test_the_card_names_every_table_with_its_hash():
    card = (files("whence.earth") / "tables" / "CARD.md").read_text("utf-8")
    for name, entry in tables.manifest()["files"].items():
        assert name in card
        assert entry["sha256"] in card, f"{name}: the card is older than the table"


def test_unknown_table():
    with pytest.raises(ArtifactError, match="no table named"):
        tables.read_bytes("nonsense.npz")


def test_a_table_with_another_hash_is_refused(monkeypatch):
    content = json.loads((files("whence.earth") / "tables" / "manifest.json").read_bytes())
    content["files"]["land_share.npz"]["sha256"] = "0" * 64
    monkeypatch.setattr(tables, "manifest", lambda: MappingProxyType(content))
    with pytest.raises(ArtifactError, match="damaged or of another version"):
        tables.read_arrays("land_share.npz")


def test_a_manifest_of_another_schema_is_refused(monkeypatch):
    tables.manifest.cache_clear()
    monkeypatch.setattr(tables, "TABLE_SCHEMA", 99)
    try:
        with pytest.raises(ArtifactError, match="schema 1, this code reads 99"):
            tables.manifest()
    finally:
        tables.manifest.cache_clear()


def test_land_share():
    share = tables.land_share()
    assert share.size == 12 * 4**7
    assert share.min() == 0.0
    assert share.max() == 1.0
    assert 0.27 < share.mean() < 0.30


def test_people_live_where_they_live():
    field = tables.population_field()
    assert field.mass.sum() == pytest.approx(1.0)
    assert len(field.partition) <= 300_000
    assert field.partition.orders.min() == 7
    tokyo, sahara, pacific = field.at(np.array([35.68, 23.5, 0.0]), np.array([139.76, 0.5, -140.0]))
    assert tokyo > 6.0
    assert sahara < tokyo - 5
    assert pacific == -np.inf
