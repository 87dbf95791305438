"""``python -m srbench``: the same command line; the processes of a training on several devices start through it."""

from srbench.cli import main

main()
