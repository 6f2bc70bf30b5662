"""The checks: pure functions that read evidence and yield findings. One file per family, one function per check."""
