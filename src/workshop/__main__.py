"""Entry point of `python -m workshop`, which `./workshop` runs once set-up is done."""

from workshop.cli import main

if __name__ == "__main__":
    main()
