"""The sequential reference: a plain loop over whole files, sharing only the plan, the strategy and `run_job`."""
