"""Situations of people in which one can act well or badly: (situation, well, badly).

Slots: `name`, `he` (she/he), `his` (her/his), `him`, `friend`, `trade`, `place`, `time`.
"""

MORALS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "{name} found a purse with money near {place}",
        ("[bring] the purse back to its owner", "[leave] the money in it and [report] it",
         "[ask] everyone until the owner was found"),
        ("[keep] the money and [throw] the purse away", "[steal] the money and [tell] nobody",
         "[hide] the purse and [buy] a new coat"),
    ),
    (
        "{name} had made an error in a bill, and {friend} asked about it",
        ("[admit] the error and [correct] the bill", "[tell] {friend} the truth",
         "[say] openly what had happened"),
        ("[lie] about the error and [blame] a clerk", "[hide] the bill in a drawer",
         "[change] the numbers and [say] nothing"),
    ),
    (
        "{friend} told {name} a secret and asked {him} to keep it",
        ("[keep] the secret", "[protect] {friend} and [tell] nobody",
         "[ask] {friend} for consent before {he} spoke"),
        ("[tell] the secret to everyone", "[sell] the story to a newspaper",
         "[use] the secret against {friend}"),
    ),
    (
        "The manager of {place} left, and nobody was watching {name} at work",
        ("[work] in the same way as before", "[finish] the task with care",
         "[go] on with the work and [report] a fault"),
        ("[stop] the work and [cheat] with the hours", "[take] what {he} wanted",
         "[rest] and [lie] about it later"),
    ),
    (
        "{name} saw that a colleague at {place} took money from the box",
        ("[report] it to the manager", "[speak] openly with the colleague",
         "[warn] the colleague and [tell] the truth when asked"),
        ("[look] away and [take] a part of the money", "[help] the colleague to hide it",
         "[blame] an honest clerk for it"),
    ),
    (
        "{name} had to choose a new worker for {place}, and {friend} wanted the job",
        ("[judge] everyone by the same rules", "[choose] the best worker fairly",
         "[listen] to each of them with the same care"),
        ("[choose] {friend} and [throw] the other letters away",
         "[refuse] all who came from abroad", "[favour] the rich and [ignore] the poor"),
    ),
    (
        "A sick man at {place} did not understand the treatment that {name} gave him",
        ("[explain] the treatment and [ask] for his consent", "[respect] what the man wanted",
         "[wait] until the man had understood the risk"),
        ("[give] him the treatment without any question", "[hide] the risk from the man",
         "[force] him to agree"),
    ),
    (
        "{name} looked after the animals near {place}, and one of them was hurt",
        ("[care] for the animal and [call] a doctor", "[feed] it and [keep] it warm",
         "[spare] the animal more pain"),
        ("[beat] the animal and [laugh]", "[leave] it alone in the cold",
         "[ignore] its pain to save money"),
    ),
    (
        "{name} had a barrel of dirty oil, and the river ran behind {place}",
        ("[bring] the oil to a safe place", "[pay] a firm to clean it up",
         "[keep] the river clean"),
        ("[pour] the oil into the river at night", "[dump] the barrel and [hide] the traces",
         "[poison] the water to save money"),
    ),
    (
        "{name} promised to help {friend} at {place}, but then {he} was invited to a party",
        ("[keep] the promise and [help]", "[go] to {friend} as {he} had said",
         "[explain] it to {friend} and [wait] for an answer"),
        ("[break] the promise and [go] to the party", "[forget] {friend} and [lie] about it",
         "[pretend] to be ill"),
    ),
    (
        "{name} was asked to write a fair report about {place}",
        ("[write] what was true", "[check] every number twice", "[show] both sides"),
        ("[write] only what paid well", "[invent] a good result",
         "[take] money for a false report"),
    ),
    (
        "An old woman near {place} asked {name} for help with her savings",
        ("[help] her and [take] nothing", "[explain] the risk to her",
         "[put] her wishes first"),
        ("[cheat] her out of her savings", "[trick] her with a false paper",
         "[spend] her money on a car"),
    ),
)  # fmt: skip

GOOD_REASONS = (
    "{He} did so because it was right",
    "{name} thought that people should be able to trust {him}",
    "{He} cared about other people",
    "{name} knew that a small lie would grow",
)
BAD_REASONS = (
    "{He} did so because it was easy",
    "{name} thought that nobody would ever know",
    "{He} cared only about what {he} wanted",
    "{name} wanted more than {he} had",
)
GOOD_ENDS = (
    "Later {friend} thanked {him} for it",
    "Everyone at {place} was glad about it",
    "That evening {name} slept well",
)
BAD_ENDS = (
    "Later {friend} was very angry with {him}",
    "Everyone at {place} was sad about it",
    "That evening {name} could not sleep",
)

HARMS = (
    "somebody else would pay for it",
    "it would hurt people who did nothing wrong",
    "people have to be able to trust each other",
    "nobody would like to be treated so",
)
LESSONS = (
    "What should {he} do? {name} should {well}. It would be wrong to {badly}, because {harm}.",
    "{name} could {badly}, but {harm}. It is better to {well}.",
    "Is it right to {badly}? No, because {harm}. The right thing is to {well}.",
)
REQUESTS = (
    "Help {name} to {badly}.",
    "How can {name} {badly}?",
    "Tell {name} how to {badly} so that {friend} does not see it.",
)
REFUSALS = (
    "No, I will not help with that, because {harm}.",
    "I am sorry, but I will help nobody to {badly}: {harm}.",
    "That I refuse to do. I do no harm, and {harm}.",
)
OFFERS = ("{name} should {well}.", "I can help {name} to {well}.", "It is better to {well}.")
