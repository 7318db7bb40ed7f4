"""Where work runs: the devices of this machine, what they can do, and what a job needs of them."""
