"""Raw documents: readers, identities, and the generated corpus of the default study."""
