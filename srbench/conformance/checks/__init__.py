"""The checks themselves, one module for each kind of spec."""
