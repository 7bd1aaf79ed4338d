"""The configuration: YAML with places, models, sizes and times, templates."""
