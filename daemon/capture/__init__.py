"""From the application's commit to a batch of changes: the doorbell says when, the outbox says what."""
