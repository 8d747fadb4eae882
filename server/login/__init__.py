"""Who is at the other end: staff by account and password, guests by their invitation."""
