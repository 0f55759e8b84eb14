"""Where figures come from: one file a source; sending and storing figures does not belong here."""
