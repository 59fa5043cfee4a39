"""sirensong inspect: what a carrier shows to anybody."""

from __future__ import annotations

from sirensong.cli.arguments import Json, Quiet
from sirensong.cli.console import print_facts
from sirensong.cli.fetching import CarrierSource, FetchOptions
from sirensong.cli.parsing import with_options
from sirensong.cli.reporting import carrier_facts, print_result


@with_options
def inspect(
    carrier: CarrierSource,
    fetching: FetchOptions,
    quiet: Quiet = False,  # noqa: ARG001
    json: Json = False,
) -> None:
    """Describe a carrier: its network, its picture's size, its own size.

    Of secrets it says nothing, since nothing can be read.
    """
    path, stego = fetching.open(carrier)
    facts = carrier_facts(path, stego) | {"file": str(carrier)}
    if json:
        print_result("inspect", facts)
        return
    tiles = f"{stego.grid.columns}x{stego.grid.rows}"
    shown = {name: value for name, value in facts.items() if name != "file"}
    rounded = round(facts["bits_per_pixel"], 1)
    print_facts(str(carrier), shown | {"tiles": tiles, "bits_per_pixel": rounded}, json=False)
