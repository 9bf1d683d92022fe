"""What a user copies into an application: the Procfiles, the .ebextensions, the policies."""
