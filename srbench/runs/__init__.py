"""A request -> a plan -> the runner -> a board; rerun, verify, speed sweep."""
