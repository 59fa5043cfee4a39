"""`python -m sirensong` is the command."""

from sirensong.cli import main

if __name__ == "__main__":
    main()
