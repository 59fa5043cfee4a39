"""sirensong inspect: what a carrier shows to anybody."""

from __future__ import annotations

from sirensong.cli.arguments import Carrier, Json, open_carrier
from sirensong.cli.console import print_facts
from sirensong.cli.reporting import carrier_facts, print_result


def inspect(carrier: Carrier, json: Json = False) -> None:
    """Describe a carrier: its network, its picture's size, its own size.

    Of secrets it says nothing, since nothing can be read.
    """
    stego = open_carrier(carrier)
    facts = carrier_facts(carrier, stego)
    if json:
        print_result("inspect", facts)
        return
    tiles = f"{stego.grid.columns}x{stego.grid.rows}"
    shown = {name: value for name, value in facts.items() if name != "file"}
    rounded = round(facts["bits_per_pixel"], 1)
    print_facts(str(carrier), shown | {"tiles": tiles, "bits_per_pixel": rounded}, json=False)
