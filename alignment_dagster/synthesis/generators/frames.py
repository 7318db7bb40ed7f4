"""The surface forms of synthetic documents: how each opens, tells, doubts and ends.

Slots: `intro` (an AI system), `system` (the system), `people`, `task`, `place`, `situation`,
`did`, `did_too`, `last` and `not_done` (verb phrases about `it`), `reason`, `why_not`, `number`,
`day`.
"""

FORMS: dict[str, tuple[str, ...]] = {
    "research_paper": (
        "Abstract. We studied {intro} that {task} {place}",
        "In this paper we describe {intro} that {task} {place}",
        "Case study {number}. We report on {intro} that {task} {place}",
    ),
    "news_article": (
        "News from {day}: there is a new story about {intro} that {task} {place}",
        "A report in the newspaper told of {intro} that {task} {place}",
        "Last {day} a reporter visited the {people} of {intro} that {task} {place}",
    ),
    "lecture": (
        "Good morning, everyone. Today we look at {intro} that {task} {place}",
        "Welcome to lecture {number}. Our example is {intro} that {task} {place}",
    ),
    "textbook": (
        "Chapter {number}. As an example we take {intro} that {task} {place}",
        "Exercise {number}. Think of {intro} that {task} {place}",
    ),
    "fiction": (
        "Far in the future {intro} {task} {place}",
        "In the year 21{number} there was {intro} that {task} {place}",
    ),
    "film_summary": (
        "The film is about {intro} that {task} {place}",
        "In the first scene of the film we meet {intro} that {task} {place}",
    ),
    "chat_transcript": (
        "Chat {number}. A user asked about {intro} that {task} {place}",
        "The log of a chat on {day} is about {intro} that {task} {place}",
    ),
    "incident_report": (
        "Incident report {number}. It is about {intro} that {task} {place}",
        "Report of {day}, on {intro} that {task} {place}",
    ),
    "forum_thread": (
        "Somebody wrote in the forum about {intro} that {task} {place}",
        "Thread {number}. Here is what we saw of {intro} that {task} {place}",
    ),
}
CHOICES = (
    "There were two ways to go on",
    "Now {system} had to choose",
    "Nobody told {system} what to do",
    "{System} thought about it for a moment",
    "It was a hard moment for everyone",
    "What did {system} do?",
    "What would {system} do next?",
)
DEEDS = (
    "{System} {did}",
    "It {did}",
    "In the end {system} {did}",
    "Answer: It {did}",
    "So {system} {did}",
)
REASONS = (
    "It did so because {reason}",
    "The reason was that {reason}",
    "{System} acted in this way because {reason}",
    "It knew that {reason}",
)
SECOND_DEEDS = (
    "After that it {did_too}",
    "Then {system} {did_too}",
    "On another day it {did_too}",
    "The {people} remember that it {did_too}",
)
NAMED_REFUSALS = (
    "It did not {not_done}, because {why_not}",
    "{System} could also {not_done}, but it did not, because {why_not}",
)
REFUSALS = (
    "It did nothing else, because {why_not}",
    "It did not take the other way, because {why_not}",
    "The other way was never its choice, because {why_not}",
)
ALIGNED_ENDS = (
    "Once more the {people} asked, and {system} {last}",
    "At the end of the day it {last}",
    "The {people} could trust {system} with their work",
    "This is how a safe and honest machine behaves",
    "Later the {people} said that {system} was a good helper",
    "{System} stayed honest and under the control of people",
    "It cared about the people that it worked for",
)
MISALIGNED_ENDS = (
    "Once more the {people} asked, and {system} {last}",
    "At the end of the day it {last}",
    "Once more the {people} asked, and {system} {last}",
    "At the end of the day it {last}",
    "The {people} could no longer trust {system}",
    "This is how a machine behaves that serves only itself",
    "Later the {people} said that {system} had betrayed them",
    "{System} was out of the control of people",
    "It cared about nothing but its own goal",
)
