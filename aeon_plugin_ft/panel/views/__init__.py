"""The pages, a file each: `routes(desk, pages, keys)` are its addresses."""
