"""What `rigwatch-agent` can be asked to do, a module each."""
