"""Where work runs: the devices of this machine, its processes, or a cluster."""
