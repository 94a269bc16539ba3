"""What the rooms of the page ask for, a file a room: a JSON object in, one out."""
