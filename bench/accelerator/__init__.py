"""The parts of `bench/gpu.py`, a module each; every part is a process of its own."""
