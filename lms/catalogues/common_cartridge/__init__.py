"""Common Cartridge and the QTI assessments in it."""
