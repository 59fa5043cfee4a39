"""sirensong inspect: what a carrier shows to anybody."""

from __future__ import annotations

from sirensong.carrier.file import VERSION, load
from sirensong.cli.arguments import Carrier, Json
from sirensong.cli.console import print_facts
from sirensong.files import told


def inspect(carrier: Carrier, json: Json = False) -> None:
    """Describe a carrier: its network, its picture's size, its own size. Of secrets it says nothing, since nothing can be read."""
    stego = load(carrier)
    with told("read", carrier):
        size = carrier.stat().st_size
    architecture, pixels = stego.architecture, stego.height * stego.width
    facts = {
        "format": VERSION,
        "hidden_features": architecture.hidden_features,
        "hidden_layers": architecture.hidden_layers,
        "omega": architecture.omega,
        "width": stego.width,
        "height": stego.height,
        "tiles": f"{stego.grid.columns}x{stego.grid.rows}",
        "parameters": stego.parameters,
        "bytes": size,
        "bits_per_pixel": round(8 * size / pixels, 3),
        "fingerprint": stego.fingerprint,
    }
    print_facts(str(carrier), facts, json=json)
