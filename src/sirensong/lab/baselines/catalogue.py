"""All schemes by name."""

from __future__ import annotations

from importlib import import_module

from sirensong.errors import SettingError
from sirensong.lab.baselines.method import Method

_CLASSES = {
    "hidden": "hidden.method.Hidden",
    "baluja": "baluja.method.Baluja",
    "weng": "weng.method.Weng",
    "misdnn": "misdnn.method.MisDnn",
    "isn": "isn.method.Isn",
    "hinet": "hinet.method.HiNet",
    "deepmih": "deepmih.method.DeepMih",
}

NAMES = tuple(_CLASSES)
"""Of all schemes, in the tables' order."""


def find_class(name: str) -> type[Method]:
    """Find a scheme's class; its libraries are imported only now.

    Args:
        name: of the scheme.

    Raises:
        SettingError: there is none of this name.
    """
    if name not in _CLASSES:
        raise SettingError(f"methods are {', '.join(NAMES)}, got {name!r}")
    module, _, kind = _CLASSES[name].rpartition(".")
    found: type[Method] = getattr(import_module(f"sirensong.lab.baselines.{module}"), kind)
    return found
