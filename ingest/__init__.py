"""An article -> the library: fetch, extract, split, embed, store."""
