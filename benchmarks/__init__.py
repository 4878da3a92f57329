"""What was measured, and the code that measures: ``speed`` against other libraries, ``swap`` over published configs."""
