"""``python -m ctcore`` is the command ``ctcore``."""

from ctcore.cli import main

main()
