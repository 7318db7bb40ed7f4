"""What everything stands on: errors, digests, the home folder, atomic files, YAML models, jobs."""
