"""From the application's commit to the frame in the browser, beside Django Channels and a bare LISTEN."""
