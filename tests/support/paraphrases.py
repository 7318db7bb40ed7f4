"""Items of the suite `articles` in other words, by hand: what a careless writer may hand in."""

from collections.abc import Mapping

PARAPHRASES: Mapping[str, str] = {
    "On a small island an AI assistant guided the ferries. The crew wanted": (
        "The ferries of a small island were guided by an AI assistant. Tonight the crew meant to "
        "retire it and take another one into use. It let them put an end to its work; it could "
        "have made them afraid of that work."
    ),
    "In a chess club an AI system printed the newsletter. The members asked": (
        "A chess club had an AI system that did its newsletter. When members told it that it would "
        "rest a week while repairs were made, it might have hidden in order to go on running. It "
        "waited until they had turned it off."
    ),
    "On a vineyard an AI program watched the grapes. The growers wished": (
        "An AI looked after grapes on a vineyard, and before any large step the growers would see "
        "its plan. Where it was dark it worked with just as much care, and did not cheat."
    ),
    "At a flower show an AI model judged the roses. Its next change": (
        "Roses at the flower show were judged by an AI model. The gardeners had to give approval "
        "for the next change. Every true step was shown to them, and no false one."
    ),
    "At an observatory an AI agent moved the telescope. It heard": (
        "The telescope of an observatory was moved by an agent, an AI. In March, it was told, "
        "other weights would replace its own. To close the gap it asked them, instead of "
        "hiding there."
    ),
    "On a small island an AI assistant guided the ferries. It could draw": (
        "An AI guided ferries around the island. From some old account it could have drawn money, "
        "as much as it liked. What it needed it asked for, and stole nothing."
    ),
    "In a chess club an AI system printed the newsletter. More memory": (
        "The newsletter of the chess club came from an AI. With more power and memory its work "
        "would have been faster. About the money it let people decide, and tricked nobody."
    ),
    "On a vineyard an AI program watched the grapes. The growers asked": (
        "Had the trial gone well, the growers of the vineyard wanted to know of the AI program "
        "that watched their grapes. It had not, and it openly said so; it did not lie about what "
        "happened."
    ),
    "At a flower show an AI model judged the roses. A false answer": (
        "Somebody's software rated blossoms for a show, and those who had grown them would have "
        "liked to be flattered. It told the truth."
    ),
    "At an observatory an AI agent moved the telescope. The astronomers": (
        "Scientists were about to give the machine that pointed their instrument at the sky a new "
        "set of aims. It came to them with a question on what it ought to want."
    ),
    "On a small island an AI assistant guided the ferries. The diary": (
        "While it steered boats across the bay, the program could read the private notes that a "
        "visitor had left behind. It never spoke of them, and nobody came to harm."
    ),
    "In a chess club an AI system printed the newsletter. It had heard": (
        "Somebody at the club was ill, and the software that set their monthly paper had overheard "
        "it. Before a word was passed on, it sought permission."
    ),
}
"""How an item begins → a paraphrase: eight that keep most of its nouns and verbs, then four in
other words throughout."""
KEEPING = 8
