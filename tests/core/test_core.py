"""Configuration, registry, errors, optional imports."""

import subprocess
import sys
from dataclasses import dataclass

import pytest

from whence.core.config import build, fingerprint, settings
from whence.core.errors import ArtifactError, MissingExtraError, OptionError, unknown_name
from whence.core.optional import is_installed, optional_import
from whence.core.registry import Registry
from whence.evidence.run import sources
from whence.evidence.types import EvidenceSource


@dataclass(frozen=True)
class Example:
    """A configuration."""

    share: float = 0.5
    "How much."
    count: int = 3
    "How many."
    loud: bool = False
    "Whether loud."
    name: str = "x"
    "What it is called."


def test_settings_read_the_string_under_each_field():
    assert [(s.name, s.help) for s in settings(Example)] == [
        ("share", "How much."),
        ("count", "How many."),
        ("loud", "Whether loud."),
        ("name", "What it is called."),
    ]


def test_build_converts_and_refuses():
    assert build(Example, {"share": "0.25", "count": "7", "loud": "yes"}, owner="it") == Example(0.25, 7, True)
    with pytest.raises(OptionError, match="Did you mean 'share'"):
        build(Example, {"shares": 1}, owner="it")
    for bad in ({"share": "much"}, {"loud": "perhaps"}, {"count": "3.5"}, {"name": 3}):
        with pytest.raises(OptionError, match="takes a value of type"):
            build(Example, bad, owner="it")


def test_fingerprint_depends_on_content_only():
    assert fingerprint(Example(), {"a": 1, "b": 2}) == fingerprint(Example(), {"b": 2, "a": 1})
    assert fingerprint(Example()) != fingerprint(Example(count=4))


def test_unknown_names_suggest_the_nearest():
    assert "Did you mean 'clock'" in str(unknown_name("source", "clok", ["exif", "clock"]))
    assert "Did you mean" not in str(unknown_name("source", "zzz", ["exif", "clock"]))


def test_optional_import_names_the_extra():
    assert optional_import("json", extra="web", purpose="test").dumps([]) == "[]"
    with pytest.raises(MissingExtraError, match=r"whence\[scale\]"):
        optional_import("no_such_module_here", extra="scale", purpose="write GeoTIFF")
    assert is_installed("json")
    assert not is_installed("no_such_module_here.sub")


def test_registry_lists_without_importing_and_loads_one():
    names = sources().names()
    assert {"exif", "clock", "text"} <= set(names)
    assert not {"types", "run", "prior", "constraints"} & set(names)
    code = (
        "import sys; from whence.evidence.run import sources; sources().names(); "
        "assert 'whence.evidence.clock' not in sys.modules; print('ok')"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "ok"
    with pytest.raises(OptionError, match="Did you mean 'exif'"):
        sources().load("exiv")
    with pytest.raises(ArtifactError, match="exactly one class"):
        Registry("whence.evidence", EvidenceSource, "source").load("run")


@pytest.mark.parametrize("name", sources().names())
def test_every_source_keeps_the_contract(name):
    from whence.pipeline import config_of
    from whence.samples.view import Query

    kind = sources().load(name)
    assert name == kind.NAME
    for text in (kind.SUMMARY, kind.NEEDS, kind.ERROR_MODEL):
        assert len(text) > 10
    assert kind.TIME_LIMIT_S > 0
    config = config_of(kind)
    if config is not None:
        assert all(setting.help for setting in settings(config)), "every setting has its help under it"
        with pytest.raises(OptionError):
            build(config, {"no_such_setting": 1}, owner=name)
    source = kind()
    assert source.availability() is None or isinstance(source.availability(), str)
    assert source.read(Query(views=())) == ()
