"""A model's network drawn: what is in it, how it nests, what was found in it, and the page or picture of that."""
