"""WebDAV shares (RFC 4918)."""
