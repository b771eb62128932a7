"""Many pictures in a row: jobs, a pool of worker processes, results that survive an interruption."""
