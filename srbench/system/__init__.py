"""This machine: terminal, child processes, locks, devices, memory."""
