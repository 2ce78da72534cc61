"""What takes mails and pushes as fast as it can: processes of their own, so that senders are what is measured."""
