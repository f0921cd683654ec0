"""`python -m convnets` is the `convnets` command."""

from .cli import main

if __name__ == "__main__":
    main()
