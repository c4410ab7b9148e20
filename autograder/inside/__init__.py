"""What runs inside the isolation. It imports nothing else of the grader's and holds no check and no expected value."""
