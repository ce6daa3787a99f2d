"""What is measured of the project itself: the papers' tables, joint models, galleries, speed."""
