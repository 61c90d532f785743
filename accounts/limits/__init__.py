"""How much one may ask of this installation: requests in a minute (rates), tokens in a day and bytes kept (quotas)."""
