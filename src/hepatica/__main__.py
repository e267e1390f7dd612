"""``python -m hepatica``: the command line."""

from hepatica.cli import main

if __name__ == "__main__":
    main()
