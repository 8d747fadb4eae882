"""WebRTC on the server: one UDP port, nothing decoded."""
