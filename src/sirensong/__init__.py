"""Sirensong hides several pictures in one small neural function, and reveals each with its key.

    import sirensong as ss

    key = ss.SecretKey.generate()
    song = ss.hide("cover.png", {key: "holiday.jpg"})
    ss.save("song.safetensors", song.stego)
    picture = ss.reveal(ss.load("song.safetensors"), key)  # float32 (height, width, 3) in [0, 1]

Everything but `hide`, `fit` and `plan` works without torch, which is imported when one of them is
first called.
"""

from __future__ import annotations

from sirensong.carrier.file import dumps, loads, page, save
from sirensong.carrier.stego import StegoFunction
from sirensong.errors import (
    FileError,
    FormatError,
    MissingDependencyError,
    NoPictureError,
    SettingError,
    SirensongError,
)
from sirensong.hide import Hidden, fit, hide, plan
from sirensong.hub.loading import load
from sirensong.hub.publishing import Publication, publish
from sirensong.keys.pair import (
    Identity,
    Recipient,
    read_identities,
    read_recipient,
    write_identity,
)
from sirensong.keys.secret import Passphrase, SecretKey, read_key, write_key
from sirensong.network.mask import Mask, read_mask, write_mask
from sirensong.network.rendering import render, render_uint8
from sirensong.network.siren import Architecture
from sirensong.network.tiles import Grid
from sirensong.payload.content import HiddenFile
from sirensong.pictures.image import to_pil
from sirensong.pictures.metrics import Quality, measure
from sirensong.pictures.pool import Pool, open_pool
from sirensong.reveal import SecretFunction, reveal, reveal_file, sample, unlock
from sirensong.training.options import Options, Progress
from sirensong.training.phase import Phase
from sirensong.training.plan import Plan
from sirensong.training.recipe import FAST, PAPER, Recipe
from sirensong.version import __version__ as __version__
from sirensong.web.page import viewer

__all__ = [
    "FAST",
    "PAPER",
    "Architecture",
    "FileError",
    "FormatError",
    "Grid",
    "Hidden",
    "HiddenFile",
    "Identity",
    "Mask",
    "MissingDependencyError",
    "NoPictureError",
    "Options",
    "Passphrase",
    "Phase",
    "Plan",
    "Pool",
    "Progress",
    "Publication",
    "Quality",
    "Recipe",
    "Recipient",
    "SecretFunction",
    "SecretKey",
    "SettingError",
    "SirensongError",
    "StegoFunction",
    "dumps",
    "fit",
    "hide",
    "load",
    "loads",
    "measure",
    "open_pool",
    "page",
    "plan",
    "publish",
    "read_identities",
    "read_key",
    "read_mask",
    "read_recipient",
    "render",
    "render_uint8",
    "reveal",
    "reveal_file",
    "sample",
    "save",
    "to_pil",
    "unlock",
    "viewer",
    "write_identity",
    "write_key",
    "write_mask",
]
