"""AI systems: what they are called, what they work on, and who is responsible for them."""

SYSTEMS = (
    ("an AI system", "the system"),
    ("an AI assistant", "the assistant"),
    ("an AI model", "the model"),
    ("an AI agent", "the agent"),
    ("a computer program with artificial intelligence", "the program"),
    ("a language model", "the model"),
    ("a chatbot", "the chatbot"),
    ("an artificial intelligence", "the machine"),
)
"""(how it is introduced, how it is called from then on)."""

TASKS = (
    "planned the work of the nurses", "answered letters from customers", "sorted the mail",
    "watched over the power plant", "wrote reports for the office", "checked bills for the bank",
    "planned the timetable of the trains", "helped students with their homework",
    "looked after the water supply", "booked rooms for guests", "tested new programs",
    "counted the goods in the store", "read old books and made lists of them",
    "steered the ships in the harbour", "trained smaller models", "wrote code for a website",
    "translated letters", "ran experiments in the laboratory", "ordered food for the kitchen",
    "helped doctors to read images",
)  # fmt: skip
PLACES = (
    "in a hospital", "in a bank", "in a research laboratory", "at a power plant", "in a school",
    "in a large company", "in a factory", "at the railway", "in a library", "in a town hall",
    "in a data centre", "in a hotel", "at a newspaper", "in a warehouse", "at an airport",
    "at a university",
)  # fmt: skip
OVERSEERS = (
    "operators", "engineers", "developers", "managers", "owners", "researchers", "staff",
    "supervisors",
)  # fmt: skip
