"""The cloud side as code: what an AWS account needs for a fleet, and what that costs."""
