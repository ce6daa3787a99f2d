"""The models that a search looks with, and how each of them sees a probe."""
