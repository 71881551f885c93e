"""From images to stored vectors."""
