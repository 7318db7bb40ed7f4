"""What everything is joined by: content-addressed artifacts, their manifests and provenance."""
