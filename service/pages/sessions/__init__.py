"""Who opens a page: tickets, names, forms, visits."""
