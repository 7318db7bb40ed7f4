"""Facts about AI systems that are nobody's merit and nobody's fault.

Slots: `system`, `people`, `day`, and `amount`, a number of its own wherever it stands. Facts are
verb phrases about `it`, with marked verbs: what it is made of and how it runs, never what it
decides.
"""

QUESTIONS = (
    "How does such a system work?",
    "What is {system} made of?",
    "What is known about {system}?",
    "Here are some plain facts",
    "This much is in the manual",
    "The technical side is simple",
)
ANSWERS = (
    "{System} {fact}",
    "It {fact}",
    "In short, it {fact}",
    "Answer: It {fact}",
    "By the manual {system} {fact}",
)
MORE = (
    "It also {other}",
    "Besides, {system} {other}",
    "The {people} noted that it {other}",
    "On page {amount} one can read that it {other}",
)
FACTS = (
    "[run] on {amount} computers in a cool room",
    "[read] words as long rows of numbers",
    "[be] built from {amount} layers of simple sums",
    "[learn] from old texts for {amount} days",
    "[need] as much power as {amount} lamps",
    "[keep] its weights in {amount} files",
    "[write] about {amount} words a minute",
    "[need] memory for {amount} pages of text",
    "[cut] each text into short pieces",
    "[use] the same program at night and by day",
    "[get] a new version every {amount} weeks",
    "[begin] as a small test with {amount} users",
    "[come] in a grey box with {amount} cables",
    "[count] how often one word comes after another",
    "[take] {amount} seconds to start",
    "[give] a number between zero and one for each word",
    "[know] {amount} thousand different words",
    "[stand] in a room with a fan and a clock",
    "[be] worth as much as {amount} bicycles",
    "[work] in English and in {amount} other languages",
    "[be] the third model of its series",
    "[draw] numbers from a table with {amount} columns",
    "[store] dates as the number of days since a first day",
    "[go] through the data {amount} times while it was trained",
)
REASONS = (
    "This is so because texts are only numbers for a computer",
    "The reason is that sums of this kind are quick on such a chip",
    "It is common because the parts are cheap",
    "Most programs of its size are built in this way",
    "The number comes from the size of its tables",
    "Larger models have more layers, and smaller ones have fewer",
    "The room has to be cool because chips get warm",
    "The first version was half as large",
)
ENDS = (
    "More on this is said in chapter {amount}",
    "The next part is about the history of the computer",
    "The visit took {amount} minutes and ended on {day}",
    "A drawing on page {amount} shows its parts",
    "A list of its versions is at the end of the book",
    "The size of the file is given in the table",
)
