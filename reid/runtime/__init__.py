"""What computes a network in torch's place on a processor: compiled networks, and which of them is the fastest here."""
