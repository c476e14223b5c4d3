"""Sentences for the built-in voice: a small grammar of what a voice agent says, expanded at random.

    corpus.py --seed 1 --count 30000 > train.txt        training text (test sentences are left out)
    corpus.py --test > data/test_sentences.txt          the unseen test sentences (their own seed)

Every rule is a list of alternatives; <name> expands another rule. Written forms vary as people type:
digits or words, with and without final punctuation, now and then all lower case.
"""
import argparse
import pathlib
import random
import re

TEST_SEED, TEST_COUNT = 20240607, 80
TEST_FILE = pathlib.Path(__file__).parent / "data" / "test_sentences.txt"

UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen " \
        "seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth " \
           "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth".split()


def number(n):
    if n < 20:
        return UNITS[n]
    tens = TENS[n // 10 - 2]
    return tens if n % 10 == 0 else f"{tens} {UNITS[n % 10]}"


def ordinal(n):
    if n <= 20:
        return ORDINALS[n - 1]
    if n % 10 == 0:
        return "thirtieth"
    return f"{number(n // 10 * 10)} {ORDINALS[n % 10 - 1]}"


def digits_ordinal(n):
    suffix = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{suffix}"


def clock(rng):
    hour, style = rng.randint(1, 12), rng.random()
    if style < 0.3:
        return f"{number(hour)} o'clock"
    minute = rng.choice([5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, rng.randint(10, 59)])
    if style < 0.6 and minute >= 10:
        return f"{hour}:{minute}"
    if style < 0.8 and minute >= 10:
        return f"{number(hour)} {number(minute)}"
    return rng.choice([f"half past {number(hour)}", f"quarter past {number(hour)}", f"quarter to {number(hour)}",
                       f"ten past {number(hour)}", f"twenty to {number(hour)}", f"five to {number(hour)}"])


def day_of_month(rng):
    n = rng.randint(1, 31)
    return digits_ordinal(n) if rng.random() < 0.3 else ordinal(n)


def some_number(rng):
    n = rng.randint(2, 99) if rng.random() < 0.5 else rng.randint(2, 20)
    return str(n) if rng.random() < 0.35 else number(n)


FUNCTIONS = {"clock": clock, "nth": day_of_month, "num": some_number}

RULES = {k: [x.strip() for x in v.split("|")] for k, v in {
    "day": "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday",
    "month": "January|February|March|April|May|June|July|August|September|October|November|December",
    "season": "spring|summer|autumn|winter",
    "when": "today|tomorrow|tonight|now|later|soon|this morning|this afternoon|this evening|next week|next month|"
            "next <day>|on <day>|in the morning|in the evening|every day|at <clock>|in <num> minutes|right now|"
            "on <month> <nth>|last night|last week|this weekend|at night|in the afternoon|after lunch|before dinner",
    "name": "Marvis|Anna|Peter|John|Mary|David|Sarah|Tom|Emma|Jack|Lucy|Paul|Kate|Sam|Alice|Robert|Helen|Mark",
    "place": "London|Paris|Berlin|Rome|New York|Chicago|Boston|Dublin|Madrid|Tokyo|Sydney|California|Texas|Scotland",
    "where": "at home|at work|at school|in the kitchen|in the garden|in the car|in the office|in <place>|outside|"
             "at the station|at the airport|in the city|in the house|on the table|near the window|over there|here|"
             "upstairs|in the living room|in the bedroom|by the river|at the hotel|next door|in the box|under the chair",
    "weather": "sunny|cloudy|rainy|windy|cold|warm|hot|cool|nice|bad|wet|dry|snowy|foggy|lovely|terrible|beautiful",
    "person": "my mother|my father|my sister|my brother|my friend|the doctor|the teacher|my wife|my husband|"
              "the driver|the boss|our neighbor|<name>|<name>|<name>|your son|your daughter|the woman|the man|the child",
    "they": "I|you|we|they",
    "she": "he|she|<person>",
    "thing": "book|phone|letter|coffee|tea|water|music|door|window|light|computer|radio|camera|key|bag|car|bike|house|"
             "table|chair|ticket|train|bus|dog|cat|bread|apple|cake|garden|picture|paper|box|bottle|cup|clock|song|"
             "story|message|question|answer|list|problem|meeting|plan|game|movie|report|alarm|timer|lamp|heater",
    "adj": "good|new|old|big|small|long|short|red|blue|green|black|white|happy|sad|easy|hard|quick|slow|great|nice|"
           "important|simple|strange|open|closed|ready|late|early|full|empty|clean|quiet|loud|free|busy|safe|funny|"
           "interesting|wonderful|perfect|wrong|right|different|special|strong|light|heavy|fresh|bright|dark|tired|hungry",
    "verb": "see|hear|find|open|close|read|write|buy|sell|bring|take|give|make|use|send|show|like|love|need|want|"
            "check|change|start|stop|call|move|clean|fix|remember|forget|understand|play|hold|keep|check",
    "verbs": "sees|hears|finds|opens|reads|writes|buys|brings|takes|makes|uses|sends|likes|loves|needs|wants|plays|keeps",
    "past": "saw|heard|found|opened|closed|read|wrote|bought|sold|brought|took|made|used|sent|liked|needed|wanted|"
            "checked|changed|started|stopped|called|moved|cleaned|fixed|remembered|forgot|lost|played",
    "go": "go|walk|drive|work|sleep|eat|cook|study|run|swim|sing|dance|talk|wait|sit|stay|travel|rest|help|learn",
    "ing": "going|walking|driving|working|sleeping|eating|cooking|reading|running|swimming|singing|talking|waiting|"
           "listening|thinking|learning|coming|playing|speaking|looking",
    "det": "the|a|my|your|this|that|our|his|her",
    "np": "the <thing>|the <thing>|my <thing>|your <thing>|this <thing>|a <adj2> <thing>|the <adj2> <thing>|"
          "the <adj2> <thing>|his <thing>|her <thing>|our <thing>|that <thing>|some <thing>",
    "adj2": "good|new|big|small|long|short|red|blue|green|black|white|happy|simple|strange|great|nice|quiet|funny|"
            "wonderful|perfect|different|special|heavy|bright|dark|little|lovely|beautiful|favorite|second|last|next|first",
    "very": "very|so|too|really|quite|not|always|never|a little|much too|",
    "greet": "Hello|Hi|Hello there|Hi there|Good morning|Good afternoon|Good evening|Good night|Welcome|Welcome back|"
             "Hello again|Goodbye|Bye|See you later|See you <when>|Good day|Hey",
    "polite": "please|thank you|thanks|of course|sure|okay|yes|no|sorry|great|well|all right|yes please|no thanks|"
              "certainly|maybe|perhaps|oh|right|fine",
    "hello": "<greet>.|<greet>!|<greet>, <name>.|<greet>, <name>!|<greet>, my name is <name>.|<greet>, I am <name>.|"
             "<greet>. <help>|<greet>. <today>|<greet>, how are you?|<greet>, how are you <when>?|Nice to meet you.|"
             "Nice to meet you, <name>.|It is nice to see you again, <name>.|How are you doing <when>?|Welcome to <place>.|"
             "Have a nice day.|Have a <adj2> <day>!|Have a good weekend.|Take care, <name>.|Good luck with <np>.",
    "intro": "My name is <name>.|My name is <name>, and I am from <place>.|I am <name>.|This is <person>.|"
             "I am your voice assistant.|I am a computer voice.|I am <num> years old.|<she> is <num> years old.|"
             "I live in <place>.|I am from <place>.|<person> lives in <place>.|What is your name?|Where are you from?|"
             "Who are you?|Who is <person>?|Can you tell me your name?|How old is <she>?|I speak English.|"
             "I can speak and I can listen.|My voice is very small.|Do you speak English?|I am a small voice.|"
             "<person> and <person> live in <place>.|I work with <person>.|Do you know <person>?|This is my voice.",
    "help": "How can I help you?|How can I help you <when>?|What can I do for you?|Can I help you?|I can help you with that.|"
            "What do you need?|Is there anything else?|Please wait a moment.|One moment, please.|Just a moment.|"
            "I am sorry, I do not understand.|Could you say that again, please?|Please say that again.|I did not hear you.|"
            "Thank you.|Thank you very much.|You are welcome.|No problem.|Of course.|That is all right.|I do not know.|"
            "I will <verb> <np> for you.|Let me <verb> <np>.|Would you like to <verb> <np>?|Shall I <verb> <np>?|"
            "Do you want me to <verb> <np>?|I am listening.|I am ready.|Are you ready?|Please speak slowly.|"
            "What would you like to <verb>?|Thank you for waiting.|Thank you for calling.|That is a good question.|"
            "I will call you back <when>.|Please call me <when>.|Here is <np>.|Here you are.|The answer is <num>.|"
            "I found <num> <thing>s <where>.|Your <thing> is ready.|Your <thing> is <where>.|I am looking for <np>.|"
            "Turn on the <thing>.|Turn off the <thing>, please.|Please turn the <thing> on.|I turned off the <thing>.|"
            "Do you need help with <np>?|I am happy to help.|Let me think about that.|Sorry, I can not do that.",
    "today": "Today is <day>.|Tomorrow is <day>.|Yesterday was <day>.|Today is <day>, <month> <nth>.|Is it <day> today?|"
             "What day is it today?|It is <day> today.|The day after <day> is <day>.|It is <month> <nth>.|"
             "Tomorrow is <month> <nth>.|My birthday is in <month>.|My birthday is on <month> <nth>.|"
             "The meeting is on <day>.|The meeting is on <day> at <clock>.|<month> is in the <season>.|I like <season>.|"
             "See you on <day>.|We will meet on <day>.|The <season> begins in <month>.|<month> has <num> days.|"
             "The next holiday is on <month> <nth>.|I am free on <day>.|I was busy on <day>.|It was a long <day>.|"
             "There are seven days in a week.|There are twelve months in a year.|<day> is my favorite day.",
    "time": "It is <clock>.|It is <clock> now.|The time is <clock>.|What time is it?|It is almost <clock>.|"
            "The train leaves at <clock>.|The bus arrives at <clock>.|I will be back at <clock>.|Wake me up at <clock>.|"
            "Your alarm is set for <clock>.|Set a timer for <num> minutes.|Your timer is set for <num> minutes.|"
            "The meeting starts at <clock>.|We have <num> minutes.|It takes <num> minutes.|It is time to <go>.|"
            "Dinner is at <clock>.|Lunch is at <clock>.|I get up at <clock>.|The shop opens at <clock>.|It is too late.|"
            "It is <clock> in <place>.|The store closes at <clock> on <day>.|In <num> hours it will be <clock>.|"
            "Can we meet at <clock>?|Please come at <clock>.|I waited for <num> hours.|Is it <clock> already?",
    "numbers": "<num>, <num>, <num>.|The number is <num>.|<num> and <num>.|I have <num> <thing>s.|There are <num> <thing>s.|"
               "There are <num> people <where>.|One, two, three, four, five.|<num> plus <num> is <num>.|"
               "<num> minus <num> is <num>.|It costs <num> dollars.|That is <num> dollars, please.|Page <num>.|"
               "Room number <num>.|We need <num> <thing>s.|The house number is <num>.|I counted <num> <thing>s.|"
               "About <num> percent.|The price is <num> dollars.|You have <num> new messages.|Track <num>.|"
               "Chapter <num>.|Number <num>, please.|<num> times <num>.|The <thing> costs <num> dollars.",
    "outside": "The weather is <very> <weather> today.|The weather is <weather>.|It is <very> <weather> <when>.|"
               "It is <weather> and <weather>.|It is <num> degrees.|It is <num> degrees <where>.|It will be <weather> <when>.|"
               "It will rain <when>.|It is raining.|It is snowing.|The sun is shining.|Is it <weather> <where>?|"
               "It was <weather> <where>.|How is the weather in <place>?|The weather in <place> is <weather>.|"
               "Take your coat, it is <weather>.|There is a lot of snow.|The sky is blue.|The wind is <very> strong.|"
               "It will be <num> degrees <when>.|I like the rain.|The <season> was <very> <weather>.|What is the weather like?|"
               "The weather is nice today.|Will it rain <when>?|The sun is <very> bright <when>.|Tomorrow will be <weather>.",
    "statement": "The <thing> is <very> <adj>.|<np> is <where>.|<np> is <very> <adj>.|<they> <verb> <np>.|"
                 "<they> <verb> <np> <when>.|<she> <verbs> <np>.|<she> <verbs> <np> <when>.|<they> <past> <np>.|"
                 "<she> <past> <np> <when>.|<she> <past> <np> <where>.|I am <ing> <where>.|<she> is <ing> <when>.|"
                 "We are <ing> <where>.|I am <very> <adj>.|<she> is <very> <adj>.|We are <very> <adj> <when>.|"
                 "I will <go> <when>.|I want to <go> <where>.|<she> will <verb> <np>.|<she> wants to <go> <when>.|"
                 "There is a <thing> <where>.|There is a <adj2> <thing> <where>.|I have a <adj2> <thing>.|"
                 "<person> has a <adj2> <thing>.|I like <thing> and <thing>.|<they> can <verb> <np> <when>.|"
                 "I do not <verb> <np>.|I can not <verb> <np>.|This is <np>.|That was <very> <adj>.|That is <very> <adj>.|"
                 "I think <np> is <adj>.|I think it is <adj>.|I know that <person> is <where>.|I am going to <verb> <np>.|"
                 "<polite>, I <verb> <np>.|<polite>, <she> is <where>.|<polite>, that is <adj>.|<polite>.|"
                 "Everything is <adj>.|It is <very> <adj>.|It is a <adj2> <thing>.|<person> and I <past> <np>.|"
                 "I hope you like <np>.|I put the <thing> <where>.|We <go> <when>.|<they> always <go> <where>.",
    "question": "Can you <verb> <np>?|Do you <verb> <np>?|Did you <verb> <np> <when>?|Is <np> <adj>?|Is <np> <where>?|"
                "Where is <np>?|Where is <person>?|What is <where>?|Why is <np> <adj>?|When will <she> <go>?|"
                "Where do you <go>?|When do we <go>?|Are you <ing> <when>?|Is <she> <ing> <where>?|Who <past> <np>?|"
                "How much is <np>?|How many <thing>s do you have?|Would you like some <thing>?|Do you like <thing>?|"
                "Could you <verb> <np>, please?|May I <verb> <np>?|Should we <go> <when>?|Are you <adj>?|"
                "What did <she> <verb>?|Have you <past> <np>?|Is this <np>?|What is <np>?|Why not?|What is that?|"
                "Can I <go> <where>?|Which <thing> do you want?|Do you want to <go> <when>?|Is everything <adj>?",
    "order": "Please <verb> <np>.|<verb> <np>, please.|Please <go> <where>.|Do not <verb> <np>.|Do not <go> <where>.|"
             "Please <verb> <np> <when>.|Let us <go> <when>.|Let us <verb> <np>.|Tell me about <np>.|Tell <person> about <np>.|"
             "Show me <np>.|Give me <np>, please.|Go to <place>.|Come here, please.|Look at <np>.|Listen to <np>.",
    "salad": "<any> <any>|<any> <any> <any>|<any> <any> <any> <any>|<any>, <any> <any>|<any> <any> <any> <any> <any>|<any>",
    "any": "<thing>|<adj>|<verb>|<past>|<go>|<ing>|<weather>|<name>|<place>|<month>|<day>|<polite>|<num>|<clock>|<they>|"
           "<when>|<where>|<person>|<season>|<nth>",
}.items()}

TOP = [("hello", 10), ("intro", 8), ("help", 14), ("today", 9), ("time", 9), ("numbers", 8), ("outside", 9),
       ("statement", 22), ("question", 12), ("order", 8), ("salad", 12)]
FIXED = ["Hello there.", "Today is Monday.", "How can I help you?", "The weather is nice today.", "It is ten thirty.",
         "My name is Marvis.", "Hello.", "Good morning.", "Thank you.", "Goodbye."]


def expand(rule, rng):
    if rule in FUNCTIONS:
        return FUNCTIONS[rule](rng)
    return re.sub(r"<(\w+)>", lambda m: expand(m.group(1), rng), rng.choice(RULES[rule]))


def sentence(rng):
    rule = rng.choices([r for r, _ in TOP], [w for _, w in TOP])[0]
    text = re.sub(r"\s+", " ", expand(rule, rng)).replace(" .", ".").replace(" ,", ",").strip()
    for wrong, right in (("boxs", "boxes"), ("buss", "buses"), ("storys", "stories"), ("matchs", "matches")):
        text = text.replace(wrong, right)
    text = re.sub(r"\b([Aa]) (?=[aeiou])(?!one|uni|use)", r"\1n ", text)
    if rule == "salad" and rng.random() < 0.5:
        text += "."
    if rng.random() < 0.85 or rule != "salad":
        text = text[0].upper() + text[1:]
    text = re.sub(r"([.?!] )([a-z])", lambda m: m.group(1) + m.group(2).upper(), text)
    style = rng.random()
    if style < 0.05:
        text = text.rstrip(".!?")
    elif style < 0.09:
        text = text.lower()
    elif style < 0.12 and text.endswith("."):
        text = text[:-1] + "!"
    return rule, text


def spoken(text):
    """The words of a sentence as they are said, for scoring: times, ordinals and numbers below 100 are spelt out."""
    text = re.sub(r"(\d+):(\d\d)", lambda m: f"{number(int(m[1]))} {number(int(m[2]))}", text.lower())
    text = re.sub(r"(\d+)(st|nd|rd|th)\b", lambda m: ordinal(int(m[1])), text)
    text = re.sub(r"\d+", lambda m: number(int(m[0])) if int(m[0]) < 100 else m[0], text)
    return re.findall(r"[a-z0-9']+", text)


def key(text):
    """What counts as the same sentence: letters and digits only."""
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()


def stock_phrases():
    """Sentences that the rules give word for word: trained on more often, never used as tests."""
    return {key(t) for rule, _ in TOP for t in RULES[rule] if "<" not in t} | {key(t) for t in FIXED}


def sentences(seed, count, exclude=(), limit=62, stock=6, salad=True):
    """Yields sentences; none twice but the stock phrases, which may come `stock` times."""
    rng, seen, phrases = random.Random(seed), {k: stock for k in exclude}, stock_phrases()
    while count:
        rule, text = sentence(rng)
        k = key(text)
        if len(text) > limit or seen.get(k, 0) >= (stock if k in phrases else 1) or (rule == "salad" and not salad):
            continue
        seen[k] = seen.get(k, 0) + 1
        count -= 1
        yield text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=30000)
    parser.add_argument("--test", action="store_true")
    args = parser.parse_args()
    if args.test:
        lines = sentences(TEST_SEED, TEST_COUNT, stock_phrases(), salad=False)
    else:
        test = {key(t) for t in TEST_FILE.read_text().splitlines()}
        lines = FIXED + list(sentences(args.seed, args.count - len(FIXED), test))
    for line in lines:
        print(line)


if __name__ == "__main__":
    main()
