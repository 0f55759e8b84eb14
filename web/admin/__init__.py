"""The pages of administration, `/admin/…`."""
