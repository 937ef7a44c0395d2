"""What an operator does with a fleet: see what every device runs, and give a version to the next group."""
