"""The gate's own model: what two versions of an app gave, epoch by epoch, and what follows from it."""
