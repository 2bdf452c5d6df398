"""OneRoster CSV bundles."""
