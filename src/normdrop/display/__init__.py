"""How values look: terminal tables, figures, HTML fragments. Knows plain tables, not models."""
