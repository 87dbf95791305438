"""A network built, run, tiled, timed, described and exported."""
