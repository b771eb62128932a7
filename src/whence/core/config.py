"""Strict configuration: frozen dataclasses whose field docstrings are their help.

```python
@dataclass(frozen=True)
class Config:
    wrong_share: float = 0.02
    "How often the tag is wrong, 0..1."
```
"""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import inspect
import json
import textwrap
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar, get_type_hints

from whence.core.errors import OptionError, unknown_name

C = TypeVar("C")


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One field of a configuration: its name, type as text, default and help."""

    name: str
    type: str
    default: object
    help: str


@lru_cache(maxsize=64)
def settings(config: type) -> tuple[Setting, ...]:
    """List the fields of a configuration class with the string that stands under each."""
    body = ast.parse(textwrap.dedent(inspect.getsource(config))).body[0]
    assert isinstance(body, ast.ClassDef)
    helps: dict[str, str] = {}
    for statement, following in zip(body.body, body.body[1:], strict=False):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            text = following.value if isinstance(following, ast.Expr) else None
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                helps[statement.target.id] = " ".join(text.value.split())
    return tuple(
        Setting(field.name, str(field.type), field.default, helps.get(field.name, ""))
        for field in dataclasses.fields(config)
    )


def build(config: type[C], values: Mapping[str, object], *, owner: str) -> C:
    """Make a configuration from values, refusing unknown keys and values of the wrong type.

    Args:
        config: a frozen dataclass whose fields are ``bool``, ``int``, ``float`` or ``str``.
        values: as given by the user; text is converted to the field's type.
        owner: whose configuration it is, for the message.

    Raises:
        OptionError: an unknown key (the nearest is named) or a value that does not fit.
    """
    hints = get_type_hints(config)
    for key in values:
        if key not in hints:
            raise unknown_name(f"setting of {owner}", key, hints)
    return config(**{key: _convert(value, hints[key], f"{owner}.{key}") for key, value in values.items()})


def _convert(value: object, kind: Any, name: str) -> object:
    if kind is bool:
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if isinstance(value, bool):
            return value
        if str(value).lower() in words:
            return words[str(value).lower()]
    elif kind in {int, float}:
        try:
            return kind(value)
        except (TypeError, ValueError):
            pass
    elif kind is str and isinstance(value, str):
        return value
    raise OptionError(f"The setting {name} takes a value of type {kind.__name__}, received {value!r}.")


def fingerprint(*parts: object) -> str:
    """Short hash of dataclasses and plain values, equal for equal content across runs and machines."""

    def plain(value: object) -> object:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {"": type(value).__name__, **dataclasses.asdict(value)}
        return str(value)

    text = json.dumps(parts, sort_keys=True, default=plain, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
