"""Test prompts -> scores -> report: whether answers are right, measured without a judge model."""
