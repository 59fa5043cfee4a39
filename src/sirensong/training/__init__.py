"""The engine: trains the N+1 functions of one stego function at once (section 3.5). The only part that needs torch, with `hide`."""
