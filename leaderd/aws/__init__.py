"""All that talks to AWS. It translates every failure into a SourceError, and concludes nothing from an answer."""
