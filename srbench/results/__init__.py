"""Rows and run file -> entries -> board -> tables."""
