"""What works, for whom, and is it personal: reports that a school can read."""
