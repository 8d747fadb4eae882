"""What knows nothing of counters, calls or PDFs: identifiers, time, errors, settings, storage, jobs, access."""
