"""INRSteg: secrets' SIRENs as frozen blocks of a larger one (Song et al., ECCV 2024)."""
