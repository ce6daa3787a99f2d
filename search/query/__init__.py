"""One question to a gallery: similarities, order, and the verdict on the answer."""
