"""The store on disk: `store` keeps the promises, the other modules each know one thing about the
database."""
