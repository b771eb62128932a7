"""The documentation is true: its Python runs, its commands run, and everything public is in it."""

import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from PIL import Image

from made_ground import ground, view_of, write_ground
from whence.evidence.run import sources
from whence.pipeline import Options

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
CONSOLE = re.compile(r"^\$ (whence .*)$", re.MULTILINE)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory) -> Path:
    """A folder with the files that the documentation speaks of."""
    folder = tmp_path_factory.mktemp("docs")
    pictures = folder / "album"
    subprocess.run([sys.executable, str(ROOT / "examples/make_pictures.py"), str(pictures)], check=True)
    sign = (pictures / "pizzeria_chile.jpg").read_bytes()
    for name in ("photo.jpg", "a.jpg", "b.jpg", "holiday.jpg"):
        (folder / name).write_bytes(sign)
    write_ground(folder).rename(folder / "town.png")
    (folder / "ground0.georef.json").rename(folder / "town.georef.json")
    seen = view_of(ground(0), 300.0, 340.0, turn_deg=65.0)
    Image.fromarray(seen.pixels).save(folder / "drone.png")
    return folder


@pytest.mark.parametrize("page", [p for p in PAGES if PYTHON.search(p.read_text())], ids=lambda p: p.name)
def test_python_blocks_run(page, workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    namespace: dict[str, object] = {"__name__": "docs"}
    for block in PYTHON.findall(page.read_text()):
        code = compile(block, page.name, "exec", dont_inherit=True)
        exec(code, namespace)


@pytest.mark.parametrize("command", sorted(set(CONSOLE.findall((ROOT / "README.md").read_text()))))
def test_readme_commands_run(command, workplace):
    words = shlex.split(command, comments=True)
    done = subprocess.run(
        [sys.executable, "-m", "whence", *words[1:]], cwd=workplace, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_every_source_is_documented():
    page = (ROOT / "docs/evidence.md").read_text()
    for name in (*sources().names(), "constraints", "prior"):
        assert f"`{name}`" in page, f"docs/evidence.md does not speak of {name}"


def test_every_option_is_documented():
    page = (ROOT / "docs/configuration.md").read_text()
    for option in fields(Options):
        assert option.name in page, f"docs/configuration.md does not speak of {option.name}"


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"
