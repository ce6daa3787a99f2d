"""Training of any model: the loop, its files, its processes, its optimizer."""
