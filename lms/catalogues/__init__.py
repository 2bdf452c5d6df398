"""What there is to learn: standards, cartridges, and suggestions of which standard a resource teaches."""
