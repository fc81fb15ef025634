"""Putting claims to the test: experiments in fresh interpreters and with real servers, and the verdicts."""
