"""From what the page asks for to an order: which pictures, which keys, which quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sirensong.carrier.slots import SLOTS
from sirensong.errors import SettingError
from sirensong.keys.given import AnyKey, as_senders_key
from sirensong.keys.secret import Passphrase, SecretKey, key_lines
from sirensong.keys.strength import weakness
from sirensong.serve.answers import only, take
from sirensong.serve.uploads import COVER, Shelf
from sirensong.serve.worker import Order
from sirensong.training.recipe import Recipe


@dataclass(frozen=True)
class Workbench:
    """What orders are made of.

    Args:
        shelf: the uploads.
        recipe: how functions are trained, but for the quality.
        decoys: pictures to take decoys from, or a pool.
    """

    shelf: Shelf
    recipe: Recipe
    decoys: Sequence[Path] = ()

    def order(self, asked: dict[str, Any], secrets: Sequence[tuple[int, AnyKey]]) -> Order:
        """Put an order together.

        Args:
            asked: by the page, with the quality.
            secrets: the place of each, and its key.

        Raises:
            SettingError: there is no such picture or quality, or a picture is there twice.
        """
        if len({place for place, _ in secrets}) < len(secrets) or len(secrets) > SLOTS:
            raise SettingError(f"each secret has a place of its own, 1 to {SLOTS}")
        recipe = self.recipe.at(take(asked, "quality", str, "a text"))
        own = tuple((self.shelf[place], key) for place, key in secrets)
        return Order(self.shelf[COVER], own, recipe, self.decoys)


class Asked(NamedTuple):
    """A job as the page asks for it.

    Args:
        order: what is to be made.
        made: the keys that were made for it, by the places of their secrets.
        notes: of weak passphrases.
    """

    order: Order
    made: dict[int, SecretKey]
    notes: list[str]


def estimate_asked(bench: Workbench, asked: dict[str, Any]) -> Order:
    """What is to be estimated: any keys will do.

    Raises:
        SettingError: it cannot be.
    """
    only(asked, ("quality", "secrets"))
    places = take(asked, "secrets", list, "a list")
    return bench.order(asked, [(_place(place), SecretKey.generate()) for place in places])


def job_asked(bench: Workbench, asked: dict[str, Any]) -> Asked:
    """What is to be made, with the keys that are given or made.

    Raises:
        SettingError: it cannot be, or what is given is no key; it is never quoted.
        FormatError: a key has a typo.
    """
    only(asked, ("quality", "secrets"))
    secrets: list[tuple[int, AnyKey]] = []
    made: dict[int, SecretKey] = {}
    notes = []
    for one in take(asked, "secrets", list, "a list"):
        if not isinstance(one, dict):
            raise SettingError("a secret is an object with a place and a key")
        only(one, ("place", "key"))
        place, key = _place(one.get("place")), _key(take(one, "key", dict, "an object"))
        if key is None:
            key = made[place] = SecretKey.generate()
        elif isinstance(key, Passphrase):
            notes += [note for note in [weakness(key)] if note]
        secrets.append((place, key))
    if not secrets:
        raise SettingError("there is no secret", hint="add a picture or a file")
    return Asked(bench.order(asked, secrets), made, notes)


def key_file(key: SecretKey) -> str:
    """What `sirensong keygen` writes into a key file."""
    return "".join(f"{line}\n" for line in key_lines(key))


def _key(given: dict[str, Any]) -> AnyKey | None:
    """A key as the page gives it, None for one that is to be made."""
    kind = take(given, "kind", str, "a text")
    only(given, ("kind", "text"))
    if kind == "new":
        return None
    text = take(given, "text", str, "a text")
    if kind == "passphrase":
        return Passphrase(text)
    if kind != "key":
        raise SettingError("a key is new, a passphrase, or the text of a key")
    if not text.strip():
        raise SettingError("the text of a key is empty")
    return as_senders_key(text)


def _place(value: object) -> int:
    if type(value) is not int or not 1 <= value <= SLOTS:
        raise SettingError(f"the place of a secret is 1 to {SLOTS}")
    return value
