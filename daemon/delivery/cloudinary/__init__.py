"""Clouds of Cloudinary."""
