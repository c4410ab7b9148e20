"""Measurements beside peers, as ratios of runs taken in turn: machines are noisy, ratios less so."""
