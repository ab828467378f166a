"""Entry point of `python -m workshop`, which `./workshop` runs after the set-up."""

from workshop.cli import main

if __name__ == "__main__":
    main()
