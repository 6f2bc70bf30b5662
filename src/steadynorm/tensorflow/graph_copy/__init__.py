"""A copy of a session's graph with its variables, in which every normalization layer can be watched and switched."""
