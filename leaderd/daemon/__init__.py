"""What runs on an instance: polls, keeps the view, answers on localhost. It decides nothing itself: core does."""
