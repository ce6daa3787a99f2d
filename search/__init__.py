"""What answers a question: the gallery, the predictor in front of it, the protocols, the report pages."""
