"""The Triton programs for GPUs, and what launches them. Imported only where they run: Triton is not everywhere."""
