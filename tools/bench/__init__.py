"""What is measured of the project itself: the papers' tables, joint models, training speed, evaluation speed."""
