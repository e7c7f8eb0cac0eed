"""What must not cost an article or stop an answer, done on purpose. Each harness has a control that it fails."""
