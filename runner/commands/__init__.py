"""The commands: each parses its own arguments and hands over; what they do stands elsewhere."""
