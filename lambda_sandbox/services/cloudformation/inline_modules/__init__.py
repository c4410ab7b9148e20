"""What a function whose code stands in its template may import, and no other: the senders of a custom resource's answer."""
