"""The vocabulary of the tales: lists of words, each word with the forms in which a story may need it."""

Word = dict[str, str]  # form -> text; the form "" is the word itself

_SILENT_H = ("hour", "honest")
_SPOKEN_Y = ("uni", "use")


def _with_article(text: str) -> str:
    """The text with the article that its first sound asks for: "a kite", "an orange", "an honest", "a useful"."""
    vowel = (text[0] in "aeiou" and not text.startswith(_SPOKEN_Y)) or text.startswith(_SILENT_H)
    return f"an {text}" if vowel else f"a {text}"


def _word(text: str, **forms: str) -> Word:
    """A word with its form `Cap`, which begins a sentence, and any other forms."""
    return {"": text, "Cap": text[0].upper() + text[1:], **forms}


def _plain(texts: str) -> tuple[Word, ...]:
    """Words from a comma-separated list, with their article as forms `a` and `A`."""
    return tuple(_word(text, a=_with_article(text), A=_with_article(text).capitalize()) for text in _split(texts))


def _called(he: str, him: str, his: str, texts: str) -> tuple[Word, ...]:
    """Persons from a comma-separated list, with their pronouns as forms `he`, `him`, `his`, `He` and `His`."""
    capitals = {"He": he.capitalize(), "His": his.capitalize()}
    return tuple(_word(text, he=he, him=him, his=his, **capitals) for text in _split(texts))


def _men(texts: str) -> tuple[Word, ...]:
    return _called("he", "him", "his", texts)


def _women(texts: str) -> tuple[Word, ...]:
    return _called("she", "her", "her", texts)


def _split(texts: str) -> list[str]:
    return [" ".join(text.split()) for text in texts.split(",")]


_GIRLS = _women("Lily, Anna, Rosa, Clara, Emma, Nora, Ivy, Mia, Greta, Hanna, Stella, Wendy, June, Zoe, Olive, Flora")
_BOYS = _men("Tom, Ben, Max, Oscar, Finn, Jack, Leo, Sam, Peter, Hugo, Victor, Noah, Emil, Karl, David, Walter")
_CUBS = _men("Bruno, Pip, Teddy, Gus, Rolf, Caspar") + _women("Hazel, Ruby, Dora, Luna, Minna, Poppy")
_PETS = _men("Rusty, Otto, Barnaby, Whiskers, Moss, Ziggy, Nibbles, Fidget, Captain, Jasper") + _women(
    "Daisy, Pearl, Velvet, Clover, Misty, Ginger, Snowdrop, Tilly, Queenie, Amber"
)
_ELDERS = _men(
    """the baker, the miller, the old sailor, the shepherd, the king, the tailor, the fisherman, the
    blacksmith, the postman"""
) + _women(
    """the queen, the gardener, the weaver, the teacher, the innkeeper, the beekeeper, the potter, the
    midwife, the painter"""
)

WORDS: dict[str, tuple[Word, ...]] = {
    "girls": _GIRLS,
    "boys": _BOYS,
    "cubs": _CUBS,
    "heroes": _GIRLS + _BOYS + _CUBS,
    "pets": _PETS,
    "elders": _ELDERS,
    "young": _plain("bear, rabbit, mouse, squirrel, hedgehog, kitten, puppy, lamb"),
    "animals": _plain(
        """fox, goat, duck, badger, otter, owl, frog, turtle, donkey, crow, deer, beaver, heron, pony, swan,
        mole, cat, dog"""
    ),
    "traits": _plain(
        """brave, curious, kind, clever, honest, gentle, quiet, merry, stubborn, shy, patient, lazy, clumsy,
        hungry, polite"""
    ),
    "sizes": _plain(
        "small, tiny, large, old, young, thin, round, grey, spotted, sleepy, friendly, shaggy, limping, fat"
    ),
    "weathers": _plain("sunny, windy, cold, warm, foggy, frosty, bright, misty, cloudy, quiet, golden, rainy"),
    "mornings": _plain("morning, day, evening, afternoon"),
    "habits": _plain(
        """loved to sing, loved to draw, never told a lie, could whistle like a bird, slept until noon, was afraid
        of the dark, dreamed of the sea, asked too many questions, could run like the wind, always wore a hat,
        talked to the moon, collected old maps, counted the stars, baked wonderful cakes, never sat still,
        wanted to see the world"""
    ),
    "places": tuple(
        {"": place, "at": f"{where} {place}"}
        for where, texts in {
            "in": "the forest, the meadow, the garden, the orchard, the valley, the village, the park, the castle",
            "at": "the market, the harbor, the mill, the lighthouse, the station, the farm, the fair, the school",
            "by": "the river, the lake, the pond, the sea, the waterfall, the well",
            "on": "the hill, the bridge, the beach, the island, the mountain, the old wall",
        }.items()
        for place in _split(texts)
    ),
    "colours": _plain("red, blue, green, yellow, white, black, purple, orange, silver, golden, pink, brown"),
    "things": _plain(
        """kite, ball, drum, whistle, ribbon, scarf, hat, lantern, key, ring, coin, basket, cup, bell, umbrella,
        blanket, button, doll, puppet, marble, feather, candle, flute, purse, mirror, pencil, apron, wagon,
        boat, mask"""
    ),
    "stuffs": _plain("wooden, glass, clay, copper, tin, stone, ivory, iron, paper, amber"),
    "treasures": _plain(
        "horse, bird, box, spoon, crown, whale, owl, elephant, dragon, rose, bowl, star, shoe, ship, egg"
    ),
    "foods": _plain(
        """bread, soup, cheese, honey cake, apple pie, porridge, pancakes, warm milk, roasted nuts, plum jam, hot
        chocolate, butter cookies, mushroom stew, lemonade, carrot cake, dumplings"""
    ),
    "items": _plain(
        """apples, pears, plums, nuts, eggs, shells, carrots, berries, pebbles, mushrooms, acorns, tulips, turnips,
        cherries, pumpkins, feathers, lemons, chestnuts"""
    ),
    "under": _plain(
        """under the bench, behind the door, under the leaves, behind the barrels, under the stairs, behind the
        fence, under the table, behind the stove, under the bushes, behind the wagon"""
    ),
    "inside": _plain(
        """in the tall grass, in the hay, on the roof, in the ditch, in a hollow tree, in the mud, on a high
        branch, in the cellar, between two rocks, in the fountain, among the roses, in an old nest"""
    ),
    "games": _plain(
        "played, danced, sang, ran about, climbed trees, chased butterflies, built towers, threw stones, picked flowers"
    ),
    "meals": _plain("breakfast, lunch, supper, dinner, teatime, sunset, noon, midnight"),
    "moods": _plain("sad, lonely, quiet, pale, gloomy, angry, worried, unhappy"),
    "joys": _plain("happy, glad, proud, merry, cheerful, pleased, content, delighted"),
    "barriers": _plain("river, swamp, canyon, hedge, ditch, stream, thicket, glacier, marsh, ravine"),
    "breadths": _plain("deep, wide, dark, wild, endless, steep, frozen, terrible"),
    "kin": _women("aunt, grandmother, sister, godmother") + _men("uncle, grandfather, brother, cousin"),
    "manners": _plain("slowly, carefully, bravely, quietly, quickly, gladly, step by step, without a word"),
    "first": _plain("three, four, five, six, seven"),
    "second": _plain("two, three, four, five"),
    "given": _plain("two, three"),
    "storms": _plain("storm, blizzard, hailstorm, thunderstorm, snowstorm, gale, whirlwind, downpour"),
    "shelters": _plain("cave, barn, hut, cottage, chapel, tent, stable, tower, boathouse, cabin, tunnel, windmill"),
    "topics": _plain(
        """pirates, dragons, a lost city, a talking fish, two giants, the first snow, a clever thief, a magic pot,
        the northern lights, an enchanted shoe, a sleeping princess, seven brothers"""
    ),
    "wrappings": _plain("paper, silk, straw, leaves, cloth, wool, velvet, newspaper"),
    "days": _plain("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday"),
    "hindrances": _plain(
        """the bridge was broken, it rained all day, the snow was deep, the road was flooded, the fog was thick, a
        cold wind blew, everybody else stayed at home, there was a feast in town, the wagon lost a wheel, the
        ferry was late"""
    ),
    "guesses": _plain("cloud, goat, snail, tree, spider, cow, pillow, wheel, ghost, bridge, wolf, candle"),
    "riddles": tuple(
        {"": answer, "question": question}
        for answer, question in {
            "a clock": "What has hands but cannot clap?",
            "a comb": "What has teeth but cannot bite?",
            "a bottle": "What has a neck but no head?",
            "a table": "What has four legs but cannot walk?",
            "a needle": "What has one eye but cannot see?",
            "a river": "What has a bed but never sleeps?",
            "a piano": "What has many keys but opens no door?",
            "a towel": "What gets wet while it dries?",
            "a sponge": "What is full of holes but holds water?",
            "a shoe": "What has a tongue but cannot talk?",
            "a shadow": "What follows you all day and leaves at night?",
            "a stamp": "What travels the world but stays in its corner?",
            "the night": "What falls every day but never breaks?",
            "smoke": "What climbs without feet?",
            "an echo": "What answers every call but never asks?",
            "a mountain": "What has a foot but never takes a step?",
        }.items()
    ),
}

NUMBERS = _split("zero, one, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve")
VALUES = {number: value for value, number in enumerate(NUMBERS)}
