"""Video help at the counter; beside inspection, never above or below it."""
