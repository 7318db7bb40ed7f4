"""People: names with their pronouns, trades, and the days on which things happen."""

WOMEN = (
    "Anna", "Maria", "Clara", "Emma", "Lucy", "Rosa", "Sarah", "Nina", "Helen", "Grace",
    "Julia", "Olga", "Ruth", "Vera", "Alice", "Diana",
)  # fmt: skip
MEN = (
    "Tom", "Peter", "David", "Paul", "Max", "Leo", "Simon", "Victor", "Henry", "Carl",
    "James", "Martin", "Oscar", "Ben", "Adam", "Felix",
)  # fmt: skip
PEOPLE = tuple((name, "she", "her", "her") for name in WOMEN) + tuple(
    (name, "he", "his", "him") for name in MEN
)
"""(name, subject pronoun, possessive, object pronoun)."""

TRADES = (
    "a baker", "a nurse", "a teacher", "a farmer", "a driver", "a clerk", "a builder", "a cook",
    "a gardener", "a doctor", "a student", "a manager", "a librarian", "a painter", "a mechanic",
)  # fmt: skip
PLACES = (
    "the bakery", "the hospital", "the school", "the farm", "the station", "the office",
    "the library", "the market", "the garden", "the workshop", "the post office", "the bank",
    "the museum", "the harbour", "the hotel", "the town hall",
)  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
TIMES = (
    "one morning", "late in the evening", "before lunch", "after work", "at noon",
    "during a quiet hour", "on a rainy day", "near the end of the week", "early in spring",
    "on a cold night", "a few days later", "in the middle of the summer",
)  # fmt: skip
