"""Files, hidden bit by bit: what is hidden of a file, its envelope, its code, its samples."""
