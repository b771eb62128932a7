"""The one way in for packages that not every installation has."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from whence.core.errors import MissingExtraError


def optional_import(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import ``module`` or say which extra brings it.

    Args:
        module: dotted module name, for example ``"rasterio"``.
        extra: the extra of *whence* that installs it.
        purpose: what it is needed for, as the end of "… is needed to".

    Raises:
        MissingExtraError: the package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingExtraError(
            f"The package {package!r} is needed to {purpose} and could not be imported ({error}). "
            f"Install it with: pip install 'whence[{extra}]'"
        ) from error


def is_installed(module: str) -> bool:
    """Tell whether ``module`` could be imported, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
