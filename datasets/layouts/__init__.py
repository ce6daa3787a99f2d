"""How each data set lies on disk: a module a data set, and what they share."""
