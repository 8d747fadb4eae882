"""Calls for the benches: people who send and view over real WebRTC connections, and the sides they do it through."""
