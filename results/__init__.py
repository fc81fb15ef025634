"""What was seen: ledger, turns, trials, runs; their store; estimates, comparisons and verdicts."""
