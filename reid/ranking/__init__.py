"""How well people are ranked: distances, protocols, figures and re-ranking."""
