"""personsearch gallery: what a gallery holds, and its care."""
