"""E-mails a second to a local SMTP server, beside smtplib, Django and aiosmtplib."""
