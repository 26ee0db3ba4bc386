"""Who is where and may say what. Sync throughout, so nothing can run between a check and its
change; knows no wire, no store and no socket. What happens comes back as events."""
