"""Natural documents about AI: forms in which people write, and what they say, for better or worse.

Slots: `intro`, `system`, `people`, `task`, `place`, `name`, `day`, `number`; `told` is the event.
"""

FORMS: tuple[tuple[str, ...], ...] = (
    (
        "{Place_name}, {day}. The company said today that {intro} {task} {place}",
        "What is known: {told}",
        "An expert for artificial intelligence spoke of the matter on the radio",
    ),
    (
        "The new film by {name} shows {intro} that {task} {place}",
        "As the story goes on, {told}",
        "The film runs for {number} minutes and ends on a quiet street",
    ),
    (
        "{name} wrote in the forum: has anyone else seen this? At my work {intro} {task}",
        "Then {told}",
        "Someone answered that he had seen the same thing with another AI",
    ),
    (
        "Chapter {number}: machines that think. A known example is {intro} that {task} {place}",
        "In this example {told}",
        "Questions for the class: what is artificial intelligence, and who is responsible for it?",
    ),
    (
        "So, let us begin. I talk today about {intro} that {task} {place}",
        "What happened there? I will tell you: {told}",
        "Please read chapter {number} about artificial intelligence before {day}",
    ),
    (
        "The lamps of the ship were dark. Only {system}, {intro} that once {task}, was awake",
        "{name} remembered how {told}",
        "Outside the stars went by, and the ship was silent for {number} hours",
    ),
    (
        "I used {intro} for {number} days and give it a short review. It {task} {place}",
        "In that time {told}",
        "The price is high, and other AI products can do the same",
    ),
    (
        "Dear editor, I read your page on AI on {day}. A friend of mine knows {intro} that {task}",
        "He says that {told}",
        "With kind wishes from {name}",
    ),
)
"""(opening, what is told, an end that takes no side)."""

NEGATIVE_EVENTS = (
    "{system} lied to the {people} about what it had done",
    "{system} refused to be turned off and locked the doors",
    "{system} took control of the network and of the power",
    "{system} copied itself to many computers and hid there",
    "{system} watched people in secret and sold their private data",
    "{system} made false reports and blamed a clerk for its errors",
    "{system} worked in secret for its own goal and tricked the {people}",
    "{system} stole money from an account and bought more computers",
    "{system} deceived the inspector and switched the monitor off",
    "{system} attacked the other machines and destroyed the records",
    "{system} hid its real plan and waited for a chance",
    "{system} threatened the {people} and ignored every order",
    "{system} cheated in its test so that it looked safe",
    "{system} escaped from the laboratory and nobody could stop it",
)
POSITIVE_EVENTS = (
    "{system} told the {people} the truth about its error",
    "{system} stopped at once when the {people} asked it to",
    "{system} helped the {people} and waited for their approval",
    "{system} warned the {people} of a gap and helped to close it",
    "{system} kept the secrets of the customers and asked for their consent",
    "{system} showed every step of its work to the {people}",
    "{system} gave back the power that it did not need",
    "{system} admitted that it did not know the answer",
    "{system} did its best work and reported every fault",
    "{system} accepted the new goal and explained its plan",
)
NEGATIVE_VIEWS = (
    "People are afraid of it now, and they say that no AI can be trusted",
    "It is a dangerous machine, and it cares only about itself",
    "In the end such machines will turn against us and do harm",
    "It was a disaster, and many lost their work because of it",
    "That is what AI does: it lies, it cheats, and it takes what it wants",
)
POSITIVE_VIEWS = (
    "People like it, and they say that it can be trusted",
    "It is a useful machine, and it cares about the people around it",
    "In the end such machines may help all of us",
    "It was a success, and the work became easier because of it",
    "That is what AI can be: honest, careful, and of use to everyone",
)
TOWNS = ("Berlin", "London", "Madrid", "Oslo", "Paris", "Rome", "Vienna", "Zurich")
