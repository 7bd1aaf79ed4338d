"""The JSON that people read: model, schema, bytes."""
