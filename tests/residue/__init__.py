"""What the program leaves behind: no secret where it has no place, no file that others can read."""
