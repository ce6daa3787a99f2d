"""The joint model by compiled networks, with the methods that every model of a search has."""
