"""The pages about incidents, `/incidents`."""
