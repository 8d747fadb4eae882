"""Remote video inspection: checklists, findings, the procedure and its result."""
