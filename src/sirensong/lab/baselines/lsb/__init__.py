"""LSB: secrets in the low bits of a picture's samples, from the printed row to a codec's files."""
