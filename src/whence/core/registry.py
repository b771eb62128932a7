"""Components found by their file: the path is the name, listing reads file names, loading imports one module."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from importlib.resources import files
from typing import Any, Generic, TypeVar, cast

from whence.core.errors import ArtifactError, unknown_name

T = TypeVar("T")


@dataclass(frozen=True)
class Registry(Generic[T]):
    """The components of one folder, and those that other packages add by entry point.

    Attributes:
        package: dotted name of the folder, for example ``whence.evidence``.
        base: the abstract class that a component implements.
        kind: what one is called in messages.
        not_components: names of modules in the folder that hold no component.
    """

    package: str
    base: type[T]
    kind: str
    not_components: frozenset[str] = frozenset()

    def names(self) -> tuple[str, ...]:
        """Names of all components, sorted; imports none of them."""
        return tuple(sorted({*self._own(), *self._plugins()}))

    def load(self, name: str) -> type[T]:
        """Import the component of that name and return its class.

        Raises:
            OptionError: there is none; the nearest name is suggested.
            ArtifactError: its module does not hold exactly one final class of the kind.
        """
        if name in self._own():
            module = importlib.import_module(f"{self.package}.{name}")
            return self._class_in(module)
        plugins = self._plugins()
        if name in plugins:
            found = plugins[name].load()
            return cast(type[T], found) if inspect.isclass(found) else self._class_in(found)
        raise unknown_name(self.kind, name, self.names())

    def _own(self) -> frozenset[str]:
        return _component_files(self.package) - self.not_components

    def _plugins(self) -> dict[str, Any]:
        return {point.name: point for point in entry_points(group=self.package)}

    def _class_in(self, module: Any) -> type[T]:
        found = [
            item
            for item in vars(module).values()
            if inspect.isclass(item)
            and issubclass(item, self.base)
            and not inspect.isabstract(item)
            and item.__module__.startswith(module.__name__)
        ]
        if len(found) != 1:
            raise ArtifactError(
                f"{module.__name__} must hold exactly one class that implements {self.base.__name__}, "
                f"found {len(found)}."
            )
        return found[0]


@lru_cache(maxsize=16)
def _component_files(package: str) -> frozenset[str]:
    names = set()
    for item in files(package).iterdir():
        if item.name.startswith("_"):
            continue
        if item.name.endswith(".py"):
            names.add(item.name.removesuffix(".py"))
        elif item.is_dir() and (item / "__init__.py").is_file():
            names.add(item.name)
    return frozenset(names)
