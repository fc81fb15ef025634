"""What a run of claims shows: the page, Markdown for a README, and a view for the terminal."""
