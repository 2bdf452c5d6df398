"""What leaves as a file: one learner's lesson as calendar, cartridge and statements."""
