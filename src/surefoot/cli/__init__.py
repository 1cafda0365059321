"""The command: one short file per verb."""

from surefoot.cli.main import main

__all__ = ["main"]
