"""Web Pushes a second to a local push service, beside pywebpush."""
