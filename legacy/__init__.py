"""What wtc-miner-monitor leaves behind, its settings and its rows, as values of ours. No database; a rig can use it."""
