"""What is asked: scenarios and suites, as TOML that pydantic checks."""
