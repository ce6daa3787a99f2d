"""How long the work takes on this machine: evaluating crops, training the joint model, rendering worlds."""
