"""The card of a published carrier: a README.md that model repositories read, made of it alone."""

from __future__ import annotations

import hashlib
import re

from sirensong.carrier.stego import StegoFunction
from sirensong.errors import SettingError
from sirensong.hub.addresses import SONG

PREVIEW = "preview.png"
CARD = "README.md"
PAGE = "index.html"

MEDIA_TYPES = {SONG: "application/octet-stream", PREVIEW: "image/png"}
MEDIA_TYPES |= {CARD: "text/markdown; charset=utf-8", PAGE: "text/html; charset=utf-8"}
"""What servers are told of each file that is published."""

_LICENSE = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")

_TEMPLATE = """\
---
library_name: sirensong
license: {license}
pipeline_tag: unconditional-image-generation
tags:
- sirensong
- siren
- implicit-neural-representation
---

# A picture as a neural function

![The picture, as the function renders it]({preview})

A grid of small SIRENs that renders one picture at any size. {page}It was made with
Sirensong, which can hide further pictures and files in such a function, each under a key of its
own. This card says the same of functions that hide something and of functions that hide nothing.

```
pip install 'sirensong[hub]'
sirensong sample {address} -o picture.png --scale 4
```

```python
import sirensong as ss

song = ss.load("{address}")
ss.to_pil(ss.sample(song)).save("picture.png")
```

Who has a key:

```
sirensong reveal {address} --key my.key -o mine.png
```

| | |
|---|---|
| picture | {width} x {height} pixels |
| tiles | {columns} x {rows} |
| network of a tile | {layers} hidden layers of {features}, omega {omega:g} |
| weights | {parameters} |
| file | {song}, {size} bytes |
| fingerprint | {fingerprint} |
| SHA-256 | {digest} |

The file is in safetensors: no code in it can run.
"""


def check_license(name: str) -> str:
    """Check the name of a licence, as model repositories know it.

    Args:
        name: such as "cc-by-4.0", "apache-2.0" or "other".

    Returns:
        The same.

    Raises:
        SettingError: it has another form.
    """
    if not _LICENSE.fullmatch(name):
        raise SettingError(
            f"a license is named in small letters, digits, dots and hyphens, got {name!r}",
            hint="cc-by-4.0, cc0-1.0, apache-2.0, other",
        )
    return name


def card(stego: StegoFunction, data: bytes, *, address: str, license_id: str, paged: bool) -> str:
    """Write a carrier's card.

    Args:
        stego: the function.
        data: the carrier, from which it was read.
        address: from which others load it.
        license_id: of what is published.
        paged: whether a page is published beside it.

    Returns:
        Markdown, with the fields in front that model repositories read. Nothing in it depends on
        anything but these arguments.

    Raises:
        SettingError: the license has another form than a license's name.
    """
    architecture, grid = stego.architecture, stego.grid
    return _TEMPLATE.format(
        license=check_license(license_id),
        preview=PREVIEW,
        page=f"[The page]({PAGE}) shows it in a browser. " if paged else "",
        address=address,
        width=stego.width,
        height=stego.height,
        columns=grid.columns,
        rows=grid.rows,
        layers=architecture.hidden_layers,
        features=architecture.hidden_features,
        omega=architecture.omega,
        parameters=stego.parameters,
        song=SONG,
        size=len(data),
        fingerprint=stego.fingerprint,
        digest=hashlib.sha256(data).hexdigest(),
    )
