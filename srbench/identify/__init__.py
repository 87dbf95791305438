"""Find out what made LR from HR: `compare` with all that is known, else estimate the `kernel`."""
