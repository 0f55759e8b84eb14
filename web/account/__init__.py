"""The page on which users look after their own way in."""
