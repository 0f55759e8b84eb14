"""What `make bench` runs. Figures depend on the machine; ratios within one run are what to trust."""
