"""Surefoot's parts in other libraries' searches: `from surefoot.bridges.optuna import RacePruner, suggest`."""
