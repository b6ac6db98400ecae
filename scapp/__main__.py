"""``python -m scapp``."""

from scapp.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
