"""What a domain says in DNS about the mail it sends: SPF, DKIM keys, DMARC."""
