"""A data set made from recordings: videos or pictures and the boxes that somebody drew."""
