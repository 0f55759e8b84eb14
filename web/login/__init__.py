"""Pages for who has not logged in yet: name and password, and the code of a second factor."""
