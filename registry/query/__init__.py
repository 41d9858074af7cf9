"""Every read of the catalogue: rows, and the views that claims add up to."""
