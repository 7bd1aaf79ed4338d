"""Tests on a real systemd; they need root, debootstrap and systemd-container."""
