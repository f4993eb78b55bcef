"""The mail side of the world: IMAP with pymap, SMTP with aiosmtpd, and a post office between them."""
