"""What ``bench gate`` shows: a page, Markdown, JUnit XML, a view for the terminal, GitHub's commands, and a history."""
