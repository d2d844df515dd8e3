"""What an authorization server needs of OAuth 2.0, without a word about credentials."""
