"""Measurements: ours beside a floor or a peer, as ratios in one run."""
