"""How fast models train beside a plain loop, and where the time of a step goes."""
