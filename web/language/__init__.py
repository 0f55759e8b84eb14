"""The language of a page: which one a viewer reads, and its texts, by gettext."""
