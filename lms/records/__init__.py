"""What every door shares: the event and its report, safe reads of untrusted values and archives."""
