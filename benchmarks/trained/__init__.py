"""Small networks of public libraries, trained on real data, and what is made of them without it."""
