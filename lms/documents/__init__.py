"""One way in for a document of any format: its verdict, its events, its catalogue."""
