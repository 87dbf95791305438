"""A name or a folder -> pairs of image files -> an image set."""
