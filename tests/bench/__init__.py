"""Benches: measured figures against limits that stand in one file, with the peer measured in turn in the same run."""
