"""Reading raw documents, their identities, and the generated corpus of the default study."""
