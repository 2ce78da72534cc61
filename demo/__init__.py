"""A small shop that only writes orders, sandbox providers, and the page that shows it all."""
