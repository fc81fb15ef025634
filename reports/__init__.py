"""What is shown: verdict sentences, tables and charts, as a page, in the terminal, as Markdown and as JSON."""
