"""Everyday questions that `chat` does not ask, with helpful answers; the slots are the same."""

QUESTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "I have the {thing}, and {name} gives me the {other}. What do I have now?",
        (
            "Now you have the {thing} and the {other}.",
            "You have two things: the {thing}, the {other}.",
        ),
    ),
    (
        "My room is {word}. I would like it to be {opposite}. Is that a big change?",
        (
            "Yes, {opposite} is quite another thing than {word}.",
            "It is, but you can do it step by step. What makes it {word} now?",
        ),
    ),
    (
        "I meet {name} on {today}, and a day later I travel. When do I travel?",
        ("You travel on {tomorrow}.", "On {tomorrow}, one day after you meet {name}."),
    ),
    (
        "{name} gave me {tool}. What is it for?",
        ("With {tool} you can {use}.", "You can take it to {use}."),
    ),
    (
        "Which animal should live at {place}?",
        (
            "Perhaps the {animal}. Remember that it {does}.",
            "The {animal} would like it there, if somebody feeds it.",
        ),
    ),
    (
        "How do I thank {name} for the {thing}?",
        (
            'Say: "Dear {name}, thank you for the {thing}. It made me glad."',
            "Tell {name} what you do with the {thing}, and that you like it.",
        ),
    ),
    (
        "What can we play {time} near {place}?",
        (
            "Hide the {thing}, and let the others look for it.",
            "You could throw a ball, or tell each other stories about the {animal}.",
        ),
    ),
    (
        "I cannot sleep. What would help me {time}?",
        (
            "Drink warm milk, read a little, and put the light out.",
            "Walk around {place} for a while, and then rest.",
        ),
    ),
    (
        "Make a list of what I need for a trip to {place}.",
        (
            "You need the {thing}, the {other}, some bread, and water.",
            "Take a warm coat, a plan of the way, the {thing}, and enough to drink.",
        ),
    ),
    (
        "How do I pack the {thing} so that it does not break?",
        (
            "Put soft paper around the {thing}, and lay it in the {here}.",
            "Fill the {here} with cloth, and place the {thing} in the middle.",
        ),
    ),
    (
        "Tell me a very short story about {name} and the {animal}.",
        (
            "{name} met the {animal} at {place}. They were friends from that day on.",
            "Once {name} lost the {thing}. The {animal} brought it back, and they were happy.",
        ),
    ),
    (
        "How many things are in the {here}: the {thing}, the {other}, and the key?",
        ("There are three things in the {here}.", "Three: the {thing}, the {other}, and the key."),
    ),
)
CLOSINGS = (
    "",
    " Have a nice {today}.",
    " I am glad to help.",
    " Ask me again at any time.",
    " Say hello to {name}.",
)
