"""The stories themselves: one opening and the ways it can go on, in the notation of grammar.py.

What a story recalls (a name, a colour, a number) it has usually said within the last hundred characters, and each
sentence shows what story it belongs to: a reader who sees only a short window can still tell how it must go on.
"""

from lmcore.data.tales.grammar import compile_pattern

OPENING = (
    "[[Once upon a time|Long ago|Once] there [was|lived] {:traits.a} "
    "[girl named {hero:girls}|boy named {hero:boys}|{:young} named {hero:cubs}] who {:habits}. "
    "One {:weathers} {:mornings}, [2:{hero}|{hero.he}]"
    "|One {:weathers} {:mornings}, {hero:heroes}"
    "|On {:weathers.a} {:mornings}, {hero:heroes}]"
)

LOST_AND_FOUND = (
    " [took|carried|brought] {hero.his} {colour:colours} {thing:things} to {:places} "
    "and {:games} [until {:meals}|all day long|for an hour|with some friends]. "
    "[But on the way home|But soon after|Then all at once|But at {:meals}], "
    "the {colour} {thing} was [gone|lost|missing|nowhere to be seen]. "
    "{hero} looked [{:under}|all over {:places}|{:under} and {:under}], but [found nothing|it was not there]. "
    "[Just then|After a while|Soon], {:sizes.a} {animal:animals} named {friend:pets} came [by|along|closer|running]. "
    '["Why are you so {:moods}?"|"What is the matter?"|"Can I help you?"|"What are you looking for?"] asked {friend}. '
    '"I [have lost|cannot find|am looking for] my {colour} {thing}," [said|sighed|sobbed|answered] {hero}. '
    "{friend} [sniffed|looked|searched|dug] [here and there|everywhere|for a while|twice] and "
    "[found|spotted|saw] the {colour} {thing} {:inside}. "
    '"[Thank you|You are a true friend|What sharp eyes you have], {friend}!" [cried|laughed|said] {hero} '
    "and [hugged|kissed|danced with] the {animal}. "
    "[They ate {:foods} together|That evening they shared {:foods}|{hero} never lost the {colour} {thing} again]."
)

GIFT = (
    " wanted to [surprise|please|thank|cheer up] {elder:elders} with a [gift|present]. "
    "In a [little|busy|dusty|cozy] shop {:places.at}, {hero.he} [found|chose|saw|bought] "
    "{colour:colours.a} {thing:things}. "
    "{hero} [wrapped|packed|hid] the {colour} {thing} in {:wrappings} and wrote [on it|with a pencil|in big letters]: "
    '"For {elder}[, with love|, from {hero}|]." '
    "[At {:meals}|The next day|That very evening], {elder} opened the [box|parcel|gift|present]. "
    '"[Oh|My|Goodness], {colour.a} {thing}!" [cried|laughed|whispered|said] {elder}. '
    '"[How did you know?|I have always wanted one!|Nobody ever gave me such a thing!|It is just like my old one!]" '
    "{hero} [smiled|blushed|bowed|beamed], and {elder} put the {colour} {thing} "
    "[on the shelf|by the window|over the door|on the table]. "
    "[Then they ate {:foods}|Both were {:joys} that {:mornings}]."
)

JOURNEY = (
    " set out [early|alone|at once] to visit {hero.his} {kin:kin} {place:places.at}. "
    "But [soon|after an hour|before long] {hero.he} came to {:breadths.a} {barrier:barriers} "
    "[and had to stop|with no bridge|and could not go on]. "
    '"[How can I|How shall I|Who will help me] cross this {barrier}?" [sighed|asked|wondered] {hero}. '
    '"My {kin} is waiting {place.at}." '
    "{:sizes.A} {animal:animals} named {friend:pets} heard {hero.him}. "
    '"[Climb on my back|Hold on to my tail|Follow me|Step where I step]," said {friend}, '
    '"and I will take you across the {barrier} to your {kin}." '
    "{:manners.Cap}, {hero} and the {animal} [crossed|passed] the {barrier}. "
    "On the other side, {hero.his} {kin} [hugged|kissed|thanked] {friend} and [cooked|brought|served] {:foods}. "
    "[{hero} and {friend} stayed until {:meals}|From that day on, {hero} and {friend} were friends]."
)

COUNTING = (
    " [went|walked|hurried] to {:places} with a [basket|bag|sack|bucket] to [gather|look for|collect] {item:items}. "
    "{hero.He} found {first:first} {item} {:inside}, and {:sizes.a} {animal:animals} named {friend:pets} "
    "[gave|brought|found] {hero.him} {second:second} more. "
    '"{first.Cap} and {second} make {first+second}," [counted|said|whispered] {hero}. '
    '"[Now we have|That makes|Look,] {first+second} {item}!" '
    "On the way home, {hero} gave {given:given} of the {first+second} {item} to {elder:elders}, "
    "so {first+second-given} {item} were left. "
    "{hero} and {friend} [shared|counted|washed|hid] the {first+second-given} {item} "
    "[by the fire|under the stars|in the kitchen] and [were|felt] {:joys}."
)

TRADE = (
    " [carried|took|brought] {stuff:stuffs.a} {treasure:treasures} to {:places}. "
    "There [sat|stood|waited] {elder:elders} with {colour:colours.a} {thing:things}. "
    '"[Will you give me|May I have|Would you trade] your {colour} {thing} for my {stuff} {treasure}?" asked {hero}. '
    "{elder.Cap} [looked at|turned|tapped|weighed|held up] the {stuff} {treasure} "
    "[twice|slowly|with care|in the light] and [smiled|nodded|laughed|frowned]. "
    '"[Done|Agreed|A fair trade|Very well]," said {elder}, "your {stuff} {treasure} for my {colour} {thing}." '
    "So {hero} [ran home|went home|skipped away|walked off] with the {colour} {thing}, "
    "and {elder} put the {stuff} {treasure} [on the shelf|by the window|in a box]."
    "[ Both were {:joys}.| That evening they both ate {:foods}.|]"
)

STORM = (
    " was [walking|riding|wandering] {:places.at} when a [great|sudden|terrible|wild] {storm:storms} "
    "[began|came up|broke loose|rolled in]. "
    '"I [must hide from|am afraid of|cannot walk in] this {storm}!" cried {hero} and [ran|hurried|crept] into '
    "[an empty|a little|a dark|a narrow] {shelter:shelters}. "
    "In the {shelter} sat {:sizes.a} {animal:animals} named {friend:pets}, [wet and cold|all alone|half asleep]. "
    '"[Come in|Sit down|Stay with me|Do not be afraid]," said {friend}. '
    '"The {storm} cannot [find|hurt|reach] us in this {shelter}." '
    "{hero} shared {hero.his} {:foods}, and {friend} told a story about {:topics}. "
    "[All night|For hours|Until {:meals}] the {storm} [roared|howled|raged|rattled] around the {shelter}, "
    "but {hero} and the {animal} [slept|sang|laughed|kept warm] [side by side|by a little fire|under one blanket]. "
    "At [dawn|{:meals}] the {storm} was over, and {hero} and {friend} [went home together|said goodbye|saw a rainbow]."
)

RIDDLE = (
    " met {elder:elders} {:places.at}. "
    '"You [may have|can win|will get] my {colour:colours} {thing:things}," said {elder}, '
    '"if you [answer|solve|guess] [my|this] riddle. {riddle:riddles.question}" '
    "{hero} looked at the {colour} {thing} and thought [hard|for a while|for a long time]. "
    '"[Is it|Could it be|Maybe it is] {:guesses.a}?" asked {hero}. "No," [laughed|said|smiled] {elder}. '
    '"[I know|I have it|Of course]!" [cried|shouted|called] {hero}. "It is {riddle}!" '
    '"[Right|Correct|Well done]!" said {elder} and gave {hero} the {colour} {thing}. '
    '[At {:meals}|That evening|All week], {hero.he} asked everybody: "{riddle.question}"'
)

PROMISE = (
    " borrowed {colour:colours.a} {thing:things} from {elder:elders}. "
    '"I will [bring it back|return it|give it back] [on|before] {day:days}," [promised|said] {hero}. '
    "{hero.He} [took good care of|played with|polished|was proud of] {elder}'s {colour} {thing}. "
    'When {day} came, {:hindrances}. "[Stay at home|Wait until tomorrow|Do not go]," said {hero.his} {:kin}. '
    '"No," said {hero}, "[I gave my word|I made a promise], and the {colour} {thing} belongs to {elder}." '
    "{:manners.Cap}, {hero.he} [walked|marched|climbed|ran] all the way to {elder}. "
    '"You [came|kept your word|did not forget], {hero}!" said {elder}. '
    '"[You may keep|Please keep|Come in and bring] the {colour} {thing}." '
    "[They had {:foods} for {:meals}|{hero} was {:joys} all the way home]."
)

SHAPES = (LOST_AND_FOUND, GIFT, JOURNEY, COUNTING, TRADE, STORM, RIDDLE, PROMISE)

STORY = compile_pattern(OPENING + "[" + "|".join(SHAPES) + "]")
