"""From packets on disk to evidence: journals, packaging, manifest, replay, packages, verification."""
