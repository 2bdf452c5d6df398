"""Common cartridge."""
