"""The schema's history, one numbered file a change, frozen once it was released; a new change is a new file."""
