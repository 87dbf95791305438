"""A job -> a worker -> events: here, on Dask, on SLURM."""
