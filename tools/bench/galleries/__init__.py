"""personsearch bench gallery: what a gallery of many sightings takes, and how fast it answers."""
