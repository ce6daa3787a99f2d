"""The crop model, SphereReID: its network, its training, its embeddings of a whole split."""
