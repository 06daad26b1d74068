"""The stories themselves: one opening and the ways it can go on, in the notation of grammar.py.

What a story recalls (a name, a colour, a number) it has usually said within the last hundred characters, and each
sentence shows what story it belongs to: a reader who sees only a short window can still tell how it must go on. Calls
and the refrain say one word several times in a row. These are what a model learns to copy first; without them small
models do not begin to copy within thousands of steps, since a word far back is found only once one nearby was.
"""

from lmcore.data.tales.grammar import compile_pattern

OPENING = (
    "[[Once upon a time|Long ago|Once] there [was|lived] {:traits.a} "
    "[girl named {hero:girls}|boy named {hero:boys}|{:young} named {hero:cubs}] who {:habits}. "
    "One {:weathers} {:mornings}, {hero}"
    "|[2:One {:weathers} {:mornings}|On {:weathers.a} {:mornings}], {hero:heroes}]"
)
TO_PLACE = "the [{:looks} |]{:places}"
AT_PLACE = "{place:places.in} [{:looks} |]{place}"
NEWCOMER = "{:furs} {animal:animals} named {friend:pets}"
TREAT = "{:foods} [and|with] {:drinks}"

LOST_AND_FOUND = (
    " [took|carried|brought] {hero.his} {colour:colours} {thing:things} to " + TO_PLACE + " and {:games} {:until}. "
    "[But on the way home|But soon after|Then all at once|But at {:meals}] "
    "{hero}'s {colour} {thing} was [gone|lost|missing|nowhere to be seen]. "
    "[{hero}|{hero.He}] looked for the {colour} {thing} {:under}, but found only {:finds.a}. "
    '"Oh {thing}, {thing}, {thing}, where are you?" called {hero}. '
    "[Just then|After a while|Soon] {:furs.a} {animal:animals} named {friend:pets} [came|ran|walked] up to {hero}. "
    '"Oh {friend}, {friend}, {friend}, I [have lost|cannot find|am looking for] it," '
    "[said|sighed|sobbed] {hero} {:laments}. "
    "{friend} [sniffed|looked|searched|dug] [here and there|everywhere|for a while|twice] "
    "and [found|spotted|saw] it {:inside}. "
    '"[What a friend you are|What sharp eyes you have|Well done], {friend}!" [cried|laughed|said] {hero} {:tones}. '
    "Then they had " + TREAT + " {:under}."
)

GIFT = (
    " wanted to [surprise|please|thank|cheer up] {elder:elders}. "
    "{hero} liked {elder}, and {elder} liked {hero}. "
    "In a [little|busy|dusty|cozy] shop {hero} [found|saw|bought] {colour:colours.a} {thing:things} "
    "[between|behind|next to] {:stuffs.a} {:treasures} and {:states.a} {:finds}. "
    "{hero} [wrapped|packed|rolled] {elder}'s {colour} {thing} in {:wrappings} "
    'and wrote on it: "[For you|With love|Happy birthday|Guess what], {hero}." '
    "[At {:meals}|The next day|That very evening] {elder} opened the [box|parcel|gift|present]. "
    '"Oh {thing}, {thing}, {thing}, [what|such] {colour.a} {thing}!" [cried|laughed|whispered|said] {elder} {:tones}. '
    '"[How did you know?|I always wanted one!|Now I am {:joys}!|It is just like my old one!]" '
    "They had " + TREAT + " and {:games} {:until}."
)

JOURNEY = (
    " packed {:colours.a} {:things} and some {:foods} and set out {:ways} to visit {hero.his} {kin:kin}. "
    "[But soon|Before long|After an hour] {hero} came to {:breadths.a} {barrier:barriers} full of {:flocks}. "
    '"Oh {barrier}, {barrier}, {barrier}, [how can I|how shall I|who will help me] cross you?" '
    "[sighed|asked|wondered] {hero}. "
    '"I must see my {kin}, my dear {kin}!" '
    '"[Climb on my back|Hold my tail|Follow me|Step where I step]," said {:furs.a} {:animals} named {friend:pets}, '
    '"and we will cross the {barrier} to your {kin}." '
    '"Oh {friend}, {friend}, {friend}, not so fast!" cried {hero}. '
    "{:ways.Cap}, {hero} and {friend} [crossed|passed] the {barrier}. "
    "On the other side, {hero.his} {kin} [hugged|kissed|thanked] {friend} and [served|brought] " + TREAT + ". "
    "Then they all {:games} {:until}."
)

COUNTING = (
    " [went|walked|hurried|rode] to " + TO_PLACE + " with {:states.a} [basket|bag|sack|bucket] "
    "to [gather|look for|collect] {item:items}. "
    "{:inside.Cap}, {hero} found {first:first} {item}. "
    "Then {:furs.a} {:animals} named {friend:pets} [gave|brought|found] {hero.him} {second:second} more {item}. "
    '"Oh {item}, {item}, {item}, nothing but {item}!" laughed {hero}. '
    '"{first.Cap} and {second} make {first+second} {item}," [counted|said|whispered] {hero} {:tones}. '
    "{friend} [gave|sold|threw] {given:given} of the {first+second} {item} to {:sizes.a} {:furs} {:animals}, "
    "so {first+second-given} {item} were left. "
    "{hero} and {friend} [shared|counted|washed|hid] the {first+second-given} {item} {:under} and [were|felt] {:joys}."
)

TRADE = (
    " [went|walked|hurried] to " + TO_PLACE + " with {stuff:stuffs.a} {treasure:treasures}. "
    "{:under.Cap}, {hero} [met|saw|found] {elder:elders} with {colour:colours.a} {thing:things}. "
    "{hero} knew {elder}, and {elder} knew {hero}. "
    '"[Will you give me|May I have|Would you trade] your {colour} {thing} for my {stuff} {treasure}?" asked {hero}. '
    '"Oh {treasure}, {treasure}, {treasure}! My {colour} {thing} for {stuff.a} {treasure}?" '
    "{elder.Cap} [looked at|turned|tapped|weighed|held up] the {treasure} "
    "[twice|slowly|with care|in the light]. "
    '"[Done|Agreed|Gladly|Very well], your {treasure} for my {colour} {thing}," said {elder} {:tones}. '
    "So {hero} [ran|went|skipped|walked] [home|off] {:ways} with the {colour} {thing}, "
    "and {elder} put the {treasure} {:inside}, next to {:states.a} {:finds}."
)

STORM = (
    " was [walking|riding|wandering] {:ways} " + AT_PLACE + " "
    "when {:gales.a} {storm:storms} [began|came up|broke loose|rolled in]. "
    '"Oh {storm}, {storm}, {storm}! I [must hide|am afraid|cannot go on]!" cried {hero} and [ran|hurried|crept] into '
    "{:looks.a} {shelter:shelters}. "
    "It was a good {shelter}, a dry {shelter}. "
    "In the {shelter}, {hero} met {:furs.a} {:animals} named {friend:pets}. "
    '"[Come in|Sit down|Stay with me|Do not be afraid], the {storm} cannot [find|hurt|reach] us," '
    "said {friend} {:tones}. "
    '"Thank you, {friend}, dear {friend}," said {hero}. '
    "{hero} shared {hero.his} {:foods}, and {friend} told a story about {:topics}. "
    "By {:meals} the sun came out, and {hero} and {friend} [went home {:ways}|had " + TREAT + "|{:games} {:until}]."
)

RIDDLE = (
    " met {elder:elders} with {:sizes.a} {:furs} {:animals} " + AT_PLACE + ". "
    "{hero} knew {elder}, and {elder} knew {hero}. "
    '"If you [answer|solve|guess] my riddle, {hero}, you [may have|can win|will get] '
    'my {colour:colours} {thing:things}," said {elder} {:tones}. "{riddle:riddles.question}" '
    "{hero} [looked at|dreamed of|wanted] {elder}'s {colour} {thing} and thought [hard|again|for a while]. "
    '"[Is it|Could it be|Maybe] {:sizes.a} {:guesses}? [No|Wait|Oh], it is {riddle}, it is {riddle}!" '
    '"[Right|Correct|Well done], the {colour} {thing} is yours," [said|laughed|cried] {elder}. '
    '[All week {hero.he} asked everybody: "{riddle.question}"|3:They had ' + TREAT + " and {:games} {:until}.]"
)

PROMISE = (
    " borrowed {colour:colours.a} {thing:things} from {elder:elders}, "
    "for {hero} liked {elder}, and {elder} liked {hero}. "
    '"I will [bring it back|return it|give it back] [on|before] {day:days}," [promised|said] {hero} {:tones}. '
    '"{day}, {hero}, {day}," said {elder}. '
    "{hero} [showed|lent] {:pets} and {:sizes.a} {:animals} {elder}'s {colour} {thing}. "
    "When {day} came, {:hindrances}, but {hero} [said|called|thought] {:tones}: "
    '"Oh {thing}, {thing}, {thing}! The {colour} {thing} belongs to {elder}." '
    "{:ways.Cap}, {hero} [walked|marched|went|ran] to {elder}. "
    '"You [came|kept your word|did not forget]," said {elder}, "[please keep|now keep] the {colour} {thing}." '
    "They went to " + TO_PLACE + ", had " + TREAT + " and {:games} {:until}."
)

RESCUE = (
    " heard a [cry|voice|whimper|sob] " + AT_PLACE + ". "
    "{hero} [found|saw|met] {:furs.a} {:animals} named {friend:pets}, stuck in {:looks.a} {trap:traps}. "
    '"[Please help me|Do not go away|Set me free]," [cried|begged|called] {friend} {:tones}. '
    '"Oh {friend}, {friend}, {friend}, do not be afraid," said {hero}. '
    "{hero} [cut|broke|opened|pulled at] the {trap} with {:colours.a} {:tools} until {friend} was free. "
    '"[One day|Some day|Soon] I will help you too," said {friend} {:tones}. '
    "[A week|A month|A year|Two days] later, {hero} was {:perils}. "
    "{friend} heard {hero.his} [cries|voice|song] and came {:ways} with {:stuffs.a} {:tools}. "
    '"[You saved me once|You were kind to me|I have not forgotten you], {hero}," said {friend}, '
    '"and now I will [save|help|free] you." '
    "Then they had " + TREAT + " and {:games} {:until}."
)

REFRAIN = ' "Oh {hero}, {hero}, {hero}!" sang the {:flocks}.'

SHAPES = (LOST_AND_FOUND, GIFT, JOURNEY, COUNTING, TRADE, STORM, RIDDLE, PROMISE, RESCUE)

STORY = compile_pattern(OPENING + "[" + "|".join(SHAPES) + "]" + REFRAIN)
