"""The gate's way from two versions of an app to what they gave: sources, launches, turns."""
