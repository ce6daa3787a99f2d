"""The tables of the two papers as trainings that a machine of any size can run."""
