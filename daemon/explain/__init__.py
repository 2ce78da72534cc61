"""Why somebody was told, or not: from what the tables keep of a subject to one readable timeline."""
