"""The vocabulary of the tales: lists of words, each word with the forms in which a story may need it."""

Word = dict[str, str]  # form -> text; the form "" is the word itself

_SILENT_H = ("hour", "honest")
_CONSONANT_SOUND = ("one", "uni", "use")


def _with_article(text: str) -> str:
    """The text with the article that its first sound asks for: "a kite", "an owl", "an honest", "a one-eyed"."""
    vowel = (text[0] in "aeiou" and not text.startswith(_CONSONANT_SOUND)) or text.startswith(_SILENT_H)
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


_GIRLS = _women(
    """Anna, Bella, Clara, Daisy, Emma, Flora, Greta, Hanna, Ivy, June, Kitty, Lily, Mia, Nora, Olive, Paula,
    Rosa, Stella, Tess, Vera, Wendy, Zoe"""
)
_BOYS = _men(
    """Arthur, Ben, Caspar, David, Emil, Finn, George, Hugo, Ivan, Jack, Karl, Leo, Max, Noah, Oscar, Peter,
    Ralph, Sam, Tom, Victor, Walter, Zack"""
)
_CUBS = _men("Bruno, Gus, Monty, Teddy") + _women("Hazel, Luna, Poppy, Ruby")
_PETS = _men("Barnaby, Domino, Fidget, Jasper, Merlin, Otto, Rusty, Scout, Whiskers, Ziggy") + _women(
    "Amber, Clover, Echo, Ginger, Lulu, Nutmeg, Pearl, Queenie, Tilly, Velvet"
)
_ELDERS = _men(
    """the baker, the carpenter, the fisherman, the judge, the king, the miller, the old sailor, the shepherd,
    the tailor"""
) + _women(
    "the actress, the doctor, the gardener, the innkeeper, the librarian, the nurse, the painter, the queen, the weaver"
)

WORDS: dict[str, tuple[Word, ...]] = {
    "girls": _GIRLS,
    "boys": _BOYS,
    "cubs": _CUBS,
    "heroes": _GIRLS + _BOYS + _CUBS,
    "pets": _PETS,
    "elders": _ELDERS,
    "kin": _women("aunt, grandmother, mother, sister") + _men("brother, cousin, father, uncle"),
    "young": _plain("bear, rabbit, mouse, squirrel, hedgehog, kitten, puppy, lamb, piglet, raccoon"),
    "animals": _plain(
        """fox, goat, duck, badger, otter, owl, frog, turtle, donkey, crow, deer, beaver, heron, pony, swan, mole,
        cat, dog, goose, wolf, parrot, toad, stork, camel"""
    ),
    "flocks": _plain(
        """bees, sparrows, crickets, swallows, pigeons, butterflies, ladybugs, seagulls, lizards, bats, robins,
        snails, dragonflies, moths, hens, starlings"""
    ),
    "traits": _plain(
        """brave, curious, kind, clever, honest, gentle, quiet, merry, stubborn, shy, patient, lazy, clumsy,
        hungry, polite, noisy, careful, dreamy, funny, proud, sleepy, cheeky, wise, bold"""
    ),
    "sizes": _plain("small, tiny, large, old, young, thin, round, huge, plump, tall, skinny, little"),
    "states": _plain("tiny, huge, old, round, dusty, broken, heavy, rusty, funny, useless, soft, dirty, wooden, lost"),
    "furs": _plain(
        """grey, spotted, sleepy, friendly, shaggy, limping, striped, dusty, shy, muddy, elegant, one-eyed,
        cheerful, nervous, grumpy, wet"""
    ),
    "weathers": _plain(
        """sunny, windy, cold, warm, foggy, frosty, bright, misty, cloudy, quiet, golden, rainy, mild, snowy,
        gloomy, lovely"""
    ),
    "mornings": _plain("morning, day, evening, afternoon"),
    "habits": _plain(
        """loved to sing, loved to draw, never told a lie, could whistle like a bird, slept until noon, was afraid
        of the dark, dreamed of the sea, asked too many questions, could run like the wind, always wore a hat,
        talked to the moon, collected old maps, counted the stars, baked wonderful cakes, never sat still,
        wanted to see the world, lived in a tower, hated soap, laughed at thunder, could stand on one foot, knew
        a hundred songs, kept a pet snail, had seven brothers, read under the blanket, loved jumping in puddles,
        was never on time, spoke to trees, painted every wall, ate only pancakes, lived next to a volcano, had
        no shoes, sneezed all the time"""
    ),
    "places": tuple(
        {"": place, "in": f"{where} the"}
        for where, texts in {
            "in": "forest, meadow, garden, orchard, valley, village, park, castle",
            "at": "market, harbor, mill, lighthouse, station, farm, fair, school",
            "by": "river, lake, pond, sea, waterfall, well, canal, fountain",
            "on": "hill, bridge, beach, island, mountain, cliff, pier, square",
        }.items()
        for place in _split(texts)
    ),
    "looks": _plain(
        """old, little, quiet, green, lonely, famous, sunny, misty, busy, windy, pretty, crooked, sleepy, empty,
        wild, grand"""
    ),
    "colours": _plain("red, blue, green, yellow, white, purple, orange, silver, crimson, turquoise, lilac, amber"),
    "things": _plain(
        """apron, ball, candle, drum, easel, flute, glove, hat, inkpot, jug, kite, lantern, mirror, necklace, oar,
        purse, quilt, ring, scarf, trumpet, umbrella, violin, whistle, yo-yo"""
    ),
    "stuffs": _plain("wooden, glass, clay, copper, tin, stone, ivory, iron, paper, amber, brass, marble"),
    "treasures": _plain(
        "bird, crown, dragon, elephant, fish, giraffe, horse, lion, owl, pig, rose, ship, tiger, whale"
    ),
    "foods": _plain(
        """bread, soup, cheese, honey cake, apple pie, porridge, pancakes, roasted nuts, plum jam, toast, butter
        cookies, mushroom stew, carrot cake, dumplings, noodles, waffles, gingerbread, fried fish, omelettes,
        rice pudding, beans, raisins, sausages, warm rolls"""
    ),
    "drinks": _plain(
        "warm milk, lemonade, cocoa, apple juice, mint tea, cold water, cider, buttermilk, rose tea, ginger beer"
    ),
    "items": _plain(
        """acorns, berries, carrots, daisies, eggs, figs, grapes, hazelnuts, lemons, mushrooms, nuts, onions,
        pears, radishes, shells, tulips, violets, walnuts"""
    ),
    "finds": _plain(
        "spider, nail, sock, worm, bone, beetle, nest, brick, bottle, onion, slipper, snail, stick, spoon, rag, nut"
    ),
    "under": _plain(
        """under the bench, behind the door, under the leaves, behind the barrels, under the stairs, behind the
        fence, under the table, behind the stove, under the bushes, behind the wagon, under a stone, behind the
        oak, under a cloak, behind the church, under the bridge, behind the well"""
    ),
    "inside": _plain(
        """in the tall grass, in the hay, on the roof, in the ditch, in a hollow tree, in the mud, on a high
        branch, in the cellar, between two rocks, in the fountain, among the roses, in an old nest, on the
        chimney, in a boot, among the reeds, in the attic, on a windowsill, in a flowerpot, near the gate, in
        the ivy"""
    ),
    "games": _plain(
        """played, danced, sang, ran about, climbed trees, chased butterflies, built towers, threw stones, picked
        flowers, jumped rope, told jokes, fed the ducks, watched the clouds, rolled in the grass, made faces,
        practiced handstands"""
    ),
    "until": _plain(
        """until breakfast, until lunch, until supper, until noon, until dusk, all day long, for an hour, with
        great joy, until it rained, until the bells rang, for a while, until the moon rose, as always, until
        teatime, like a king, without a pause"""
    ),
    "tools": _plain("knife, saw, spoon, key, hammer, fork, stick, shovel, needle, rope, pin, axe"),
    "meals": _plain("breakfast, lunch, supper, dinner, teatime, sunset, noon, dusk"),
    "joys": _plain(
        "happy, glad, proud, merry, cheerful, pleased, content, delighted, thankful, lucky, joyful, relieved"
    ),
    "tones": _plain(
        """softly, loudly, kindly, proudly, shyly, gravely, warmly, at once, with a smile, with a bow, with a sigh,
        in a deep voice, politely, firmly, quickly, with a wink"""
    ),
    "laments": _plain("sadly, in a small voice, with a sigh, in tears, weakly, at last, bitterly, in despair"),
    "gales": _plain("great, sudden, terrible, wild, icy, dreadful, roaring, dark, furious, mighty, howling, bitter"),
    "ways": _plain(
        """slowly, carefully, bravely, quietly, quickly, gladly, step by step, without a word, singing softly, in
        the moonlight, barefoot, in a hurry, humming a tune, with great care, at a trot, shivering"""
    ),
    "breadths": _plain("deep, wide, dark, wild, endless, steep, frozen, terrible, muddy, gloomy, roaring, dreadful"),
    "barriers": _plain("bog, canyon, ditch, forest, glacier, hedge, jungle, marsh, ravine, swamp, thicket, valley"),
    "first": _plain("three, four, five, six, seven"),
    "second": _plain("two, three, four, five"),
    "given": _plain("two, three"),
    "storms": _plain("blizzard, downpour, gale, hailstorm, storm, thunderstorm, whirlwind"),
    "shelters": _plain("cave, barn, hut, cottage, chapel, tent, stable, tower, boathouse, cabin, tunnel, windmill"),
    "topics": _plain(
        """pirates, dragons, a lost city, a talking fish, two giants, the first snow, a clever thief, a magic pot,
        the northern lights, an enchanted shoe, a sleeping princess, seven swans, a flying carpet, the man in
        the moon, a singing bone, an iron whale"""
    ),
    "wrappings": _plain("paper, silk, straw, leaves, cloth, wool, velvet, newspaper, linen, a napkin, a sock, moss"),
    "days": _plain("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday"),
    "hindrances": _plain(
        """the bridge was broken, it rained all day, the snow was deep, the road was flooded, the fog was thick, a
        cold wind blew, everybody else stayed at home, there was a feast in town, the wagon lost a wheel, the
        ferry was late, ice covered the road, the pony was ill, a tree blocked the path, thunder shook the
        house, the circus came to town, all the clocks stood still"""
    ),
    "traps": _plain("barrel, cage, fence, hole, net, pipe, rope, sack, trap, well"),
    "perils": _plain(
        """lost in the snow, stuck in the mud, alone in the dark, lost in the mist, hanging from a cliff, trapped
        in a well, sinking in a swamp, caught by the tide, locked in a tower, lost in a maze, stuck on a roof,
        chased by bees"""
    ),
    "guesses": _plain(
        "cloud, goat, snail, tree, spider, cow, pillow, wheel, ghost, bridge, wolf, candle, hat, fish, crab, king"
    ),
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
