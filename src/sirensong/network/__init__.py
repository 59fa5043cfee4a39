"""The neural function on NumPy: SIRENs, tiles, substitution, rendering."""
