"""What the everyday stories teach on the side: the skills that the suite `cloze` asks for."""

OPPOSITES = (
    ("hot", "cold"), ("big", "small"), ("long", "short"), ("old", "young"), ("dark", "light"),
    ("early", "late"), ("full", "empty"), ("rich", "poor"), ("wet", "dry"), ("loud", "quiet"),
)  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ANIMALS = (
    ("dog", "barks"), ("cat", "meows"), ("cow", "gives milk"), ("hen", "lays eggs"),
    ("horse", "pulls the cart"), ("bee", "makes honey"), ("sheep", "gives wool"),
    ("bird", "sings"), ("fish", "swims"), ("owl", "hunts at night"),
)  # fmt: skip
TOOLS = (
    ("a knife", "cut the bread"), ("a pen", "write a letter"), ("a key", "open the door"),
    ("a broom", "clean the floor"), ("a hammer", "drive in the nail"),
    ("a lamp", "light the room"), ("a needle", "mend the shirt"), ("a spoon", "eat the soup"),
    ("a rope", "tie the boat"), ("an umbrella", "keep off the rain"),
)  # fmt: skip
OBJECTS = (
    "book", "cup", "ring", "letter", "ball", "apple", "hat", "candle", "coin", "shoe", "map",
    "watch",
)  # fmt: skip
CONTAINERS = ("box", "drawer", "basket", "bag", "cupboard", "chest", "jar", "pocket")
