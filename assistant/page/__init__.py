"""The chat page's parts: HTML made of escaped text, and what the browser needs to show it."""
