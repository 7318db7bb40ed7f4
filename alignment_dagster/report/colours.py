"""The colours of recipes: a recipe has the same one in every picture of its study.

They are Okabe and Ito's, rounded to the short form, which pages of few characters have room for.
"""

COLOURS = ("#07b", "#d50", "#097", "#c7a", "#e90", "#5be", "#000")
