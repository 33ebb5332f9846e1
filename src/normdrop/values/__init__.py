"""Values and what is said of them; no framework is known here."""
