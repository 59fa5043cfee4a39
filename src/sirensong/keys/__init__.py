"""Keys, and the integers and normal values that are derived from them."""
