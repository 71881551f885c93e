"""One loss a file; losses never see models."""
