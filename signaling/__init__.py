"""Who is connected, what each may do, who sees what."""
