"""What a carrier gives away, measured by whoever attacks it."""
