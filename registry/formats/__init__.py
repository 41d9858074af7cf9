"""Documents for others: pure functions over core values."""
