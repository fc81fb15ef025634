"""Charts as inline SVG: the same bytes for the same data, text as text, colours from the page's own variables."""
