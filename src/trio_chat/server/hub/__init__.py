"""What happens to members and rooms here."""
