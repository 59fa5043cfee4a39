"""All schemes by name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from sirensong.errors import SettingError, needing
from sirensong.lab.baselines.method import Method

_CLASSES = {
    "lsb": "lsb.method.Lsb",
    "hidden": "hidden.method.Hidden",
    "baluja": "baluja.method.Baluja",
    "weng": "weng.method.Weng",
    "misdnn": "misdnn.method.MisDnn",
    "isn": "isn.method.Isn",
    "hinet": "hinet.method.HiNet",
    "deepmih": "deepmih.method.DeepMih",
    "stegainr": "stegainr.method.StegaInr",
    "inrsteg": "inrsteg.method.InrSteg",
    "stegainr4mih": "stegainr4mih.method.StegaInr4Mih",
}

NAMES = tuple(_CLASSES)
"""Of all schemes, in the tables' order."""


def find_class(name: str) -> type[Method]:
    """Find a scheme's class; its libraries are imported only now.

    Args:
        name: of the scheme.

    Raises:
        SettingError: there is none of this name.
        MissingDependencyError: it needs packages that are not installed.
    """
    if name not in _CLASSES:
        raise SettingError(f"methods are {', '.join(NAMES)}, got {name!r}")
    module, _, kind = _CLASSES[name].rpartition(".")
    with needing(f"{name} needs packages that are not installed", "all"):
        found: type[Method] = getattr(import_module(f"sirensong.lab.baselines.{module}"), kind)
    return found


def open_method(
    name: str,
    variant: str | None = None,
    secrets: int | None = None,
    weights: Path | None = None,
) -> Method:
    """Make a scheme ready for use.

    Args:
        name: of the scheme.
        variant: one of its variants; if None, the one that the weights are of, or the first.
        secrets: how many pictures each file hides; if None, as many as the weights do, or as
            many as the scheme can, up to two.
        weights: a file of trained weights, for the schemes that need one.

    Returns:
        The scheme.

    Raises:
        SettingError: there is no such scheme or variant, it does not hide so many pictures, or it
            takes no weights.
        FileError: the weights cannot be read.
        FormatError: they are of another scheme, variant or number of secrets.
    """
    kind = find_class(name)
    if not kind.trained:
        if weights is not None:
            raise SettingError(f"{name} takes no weights: nothing is trained before it hides")
        return kind(variant, min(2, kind.most) if secrets is None else secrets)
    from sirensong.lab.baselines.networks.method import NetworkMethod
    from sirensong.lab.baselines.networks.weights import read_facts

    if not issubclass(kind, NetworkMethod):
        raise TypeError(f"{name} is trained, but no network")
    facts = {} if weights is None else read_facts(weights)
    if variant is None and facts.get("variant") in kind.variants:
        variant = facts["variant"]
    if secrets is None:
        counts = {str(count): count for count in range(1, kind.most + 1)}
        secrets = counts.get(facts.get("secrets", ""), min(2, kind.most))
    return kind(variant, secrets, weights)
