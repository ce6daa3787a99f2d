"""What makes two views the same person: memories, losses, embedders and their metrics."""
