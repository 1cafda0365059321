"""Ways to choose a recipe, each a process of its own, and what is made of their answers. See `decide.py`."""
