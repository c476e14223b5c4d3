"""Tables of the sentence grammar: word classes, sentence templates and the weights of their kinds.

A rule is a list of alternatives parted by "|"; <name> expands another rule. Forms that follow from a word (plurals,
the forms of verbs) become rules of their own here: <thing> has <things>; <do> has <does>, <did>, <done> and <doing>.
"""
import re

UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen " \
        "seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth " \
           "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth".split()
MONTHS = "January February March April May June July August September October November December".split()
LETTERS = "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z".split()

# Classes of single words, parted by spaces ("_" stands for a space within a word).
WORDS = {
    "day": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "month": " ".join(MONTHS),
    "season": "spring summer autumn winter",
    "name": "Marvis Anna Peter John Mary David Sarah Tom Emma Jack Lucy Paul Kate Sam Alice Robert Helen Mark James Linda "
            "Michael Laura Thomas Julia Daniel Susan George Nancy Kevin Maria Brian Karen Steven Lisa Edward Rachel "
            "Henry Sophia William Olivia Charles Grace Andrew Nora Martin Clara Simon Ellen Oscar Ruby Max Rose Leo "
            "Eva Adam Amy Ben Chloe Eric Diana Frank Hannah Harry Jane Joe Jessica Luke Maya Oliver Victor",
    "owner": "Anna's John's Mary's David's Tom's Emma's Peter's Sarah's Jack's Sam's my_mother's my_father's",
    "city": "London Paris Berlin Rome New_York Chicago Boston Dublin Madrid Tokyo Sydney Vienna Prague Moscow Cairo "
            "Dallas Denver Seattle Miami Houston Toronto Athens Oslo Lisbon Delhi Beijing Amsterdam San_Francisco "
            "Los_Angeles Washington Detroit Atlanta",
    "country": "France Germany Italy Spain England Scotland Ireland Japan China India Canada Mexico Brazil Egypt Greece "
               "Norway Sweden Russia Turkey Australia Africa Europe America Asia Texas California Florida Poland",
    "language": "English French German Spanish Italian Japanese Chinese Russian",
    "color": "red blue green black white yellow orange purple pink brown gray golden silver",
    "weather": "sunny cloudy rainy windy cold warm hot cool nice bad wet dry snowy foggy lovely terrible beautiful "
               "freezing mild",
    "person": "mother father sister brother friend son daughter wife husband uncle aunt cousin grandmother grandfather "
              "baby neighbor doctor nurse teacher student driver boss waiter farmer king queen artist singer writer "
              "lawyer officer captain guest child woman man boy girl lady manager engineer pilot customer",
    "thing": "book phone letter door window computer radio camera key bag car bike house table chair ticket picture box "
             "bottle cup clock song story message question list plan game movie report lamp knife fork spoon plate bowl "
             "pan bed pillow mirror towel brush umbrella wallet watch ring coat hat shirt shoe dress jacket pen pencil "
             "map flag rope hammer ladder basket candle toy ball drum guitar piano violin screen keyboard laptop file "
             "folder password email button battery cable robot engine wheel boat ship plane truck train bus taxi card "
             "gift flower tree garden kitchen room newspaper magazine photo stamp coin gun sword desk sofa machine",
    "device": "light lamp heater fan alarm radio television oven music computer printer camera timer heating "
              "microphone speaker phone screen dishwasher",
    "fruit": "apple banana orange lemon grape pear peach cherry strawberry melon tomato potato onion carrot bean "
             "mushroom egg cookie sandwich pizza burger cake pie",
    "food": "bread butter cheese milk cream rice pasta soup salad chicken beef fish salt sugar honey jam chocolate "
            "candy ice_cream coffee tea water juice soda wine beer breakfast lunch dinner sauce pepper toast corn "
            "yogurt meat",
    "animal": "dog cat horse cow pig sheep goat duck bird owl eagle mouse rabbit fox wolf bear lion tiger elephant "
              "monkey snake frog turtle whale shark bee butterfly spider",
    "body": "hand foot eye ear leg arm finger tooth head hair face nose mouth neck shoulder back stomach knee heart skin "
            "throat chest",
    "spot": "kitchen garden office bedroom bathroom garage station airport hotel school church hospital library museum "
            "restaurant cafe bank shop store market supermarket pharmacy park beach lake river mountain forest island "
            "village town city street bridge corner hall theater cinema stadium farm factory castle tower harbor field "
            "desert ocean valley basement hallway bakery",
    "matter": "idea dream secret reason chance choice change fact word name number color problem lesson test job "
              "meeting project team price trip vacation holiday party birthday wedding truth language habit answer "
              "decision mistake promise order package result appointment reservation contract business company "
              "website world voice example rule joke poem weekend journey accident",
    "stuff": "money news weather love peace music art history science math work sleep help time luck paper gold wood "
             "iron glass homework advice traffic noise information energy medicine power silence fun snow rain sand "
             "fire ice air",
    "sport": "football tennis baseball basketball golf hockey chess soccer cards",
    "adj": "good new old big small long short happy sad easy hard quick slow great nice important simple strange open "
           "closed ready late early full empty clean quiet loud free busy safe funny interesting wonderful perfect wrong "
           "right different special strong light heavy fresh bright dark tired hungry thirsty angry calm brave clever "
           "cheap expensive deep high low wide narrow soft sweet bitter sour sharp smooth rough round square flat thick "
           "thin tall young rich poor famous popular friendly polite lazy honest kind proud quiet real true false "
           "possible impossible dangerous difficult broken dirty lucky careful useful modern ancient amazing boring "
           "healthy sick fine correct local private public final common rare huge tiny pretty ugly weak fast available "
           "normal serious silly excellent afraid alone awake sure certain",
    "little": "good new old big small long short happy simple strange great nice quiet funny wonderful perfect different "
              "special heavy bright dark little lovely beautiful favorite second last next first third whole other best "
              "worst better young tiny huge green broken clean wooden cheap expensive famous single double",
    "more": "bigger smaller better worse older younger faster slower longer shorter higher lower warmer colder easier "
            "harder cheaper stronger richer happier louder nicer",
    "most": "biggest smallest best worst oldest youngest fastest longest highest warmest coldest easiest cheapest "
            "strongest nearest",
    "adv": "slowly quickly quietly carefully again today together early late often always never sometimes usually soon "
           "maybe well alone outside inside upstairs downstairs everywhere somewhere away back forever twice once "
           "already still easily suddenly finally exactly certainly probably really almost enough instead tonight",
    "opener": "now then so well but and also however still maybe perhaps sometimes usually suddenly finally actually "
              "luckily first later yesterday today tomorrow honestly anyway meanwhile",
    "link": "because although until while if when before after since unless and but so as whenever",
    "modal": "can could should would might must will may",
    "anyone": "somebody everybody nobody anyone everyone someone",
    "anything": "something everything nothing anything",
    "quantity": "many several few some most all no these those both",
    "around": "in near behind under above below beside over across through inside outside around between from to at on "
              "into toward past against without",
    "wont": "won't can't couldn't shouldn't wouldn't didn't mustn't don't",
    "shell": "I'll you'll we'll they'll he'll she'll it'll I'd you'd we'd they'd he'd she'd",
    "ive": "I've you've we've they've",
    "isnt": "isn't wasn't",
    "arent": "aren't weren't",
    "hes": "he's she's it's",
    "unit": "minute hour second week month year mile meter pound inch gallon kilometer",
}

# Verbs as base/past/ing-form where they are not regular. With an object, then without.
VERBS = {
    "do": "see/saw hear/heard find/found open/opened/opening write/wrote buy/bought sell/sold bring/brought take/took "
          "give/gave make/made use send/sent show like love need want check change start stop/stopped/stopping call "
          "move clean fix remember/remembered/remembering forget/forgot/forgetting understand/understood "
          "play hold/held keep/kept lose/lost break/broke build/built catch/caught choose/chose cut/cut/cutting "
          "draw/drew drop/dropped/dropping feel/felt follow get/got/getting hate join leave/left lift "
          "meet/met miss paint pay/paid pick pull push put/put/putting save sing/sang steal/stole teach/taught "
          "throw/threw touch try wash watch wear/wore win/won/winning wish carry cook count cover enjoy invite order "
          "print share finish test turn visit/visited/visiting know/knew hide/hid burn believe cancel/canceled/canceling",
    "go": "go/went walk work sleep/slept eat/ate study run/ran/running swim/swam/swimming "
          "dance talk wait sit/sat/sitting stay travel/traveled/traveling rest help learn listen think/thought come/came "
          "speak/spoke look stand/stood fall/fell fly/flew grow/grew jump laugh smile cry drive/drove arrive return "
          "shout whisper/whispered/whispering climb rise/rose",
}

PLURALS = {"man": "men", "woman": "women", "child": "children", "wife": "wives", "knife": "knives", "wolf": "wolves",
           "mouse": "mice", "sheep": "sheep", "tooth": "teeth", "foot": "feet", "hair": "hair", "stomach": "stomachs"}
PARTICIPLES = {"saw": "seen", "wrote": "written", "took": "taken", "gave": "given", "showed": "shown", "forgot": "forgotten",
               "broke": "broken", "chose": "chosen", "drew": "drawn", "stole": "stolen", "threw": "thrown", "wore": "worn",
               "knew": "known", "hid": "hidden", "sang": "sung"}

# So many of a class, from its start, come in all their forms: rather fewer words, each heard often enough.
WITH_PLURAL = {"thing": 46, "person": 24, "fruit": 23, "animal": 28, "body": 8, "unit": 12, "matter": 20, "spot": 18}
WITH_FORMS = {"do": 45, "go": 26}

# Templates of parts of sentences.
PARTS = {
    "place": "<city>|<country>",
    "when": "today|tomorrow|tonight|now|later|soon|this morning|this afternoon|this evening|next week|next month|"
            "next <day>|on <day>|in the morning|in the evening|every day|at <clock>|in <num> minutes|right now|on <date>|"
            "last night|last week|this weekend|at night|in the afternoon|after lunch|before dinner|yesterday|in <year>|"
            "last <month>|next <season>|every <day>|all day|a moment ago|<num> <units> ago|for <num> <units>|at noon|"
            "at midnight|after work|before breakfast|the day after tomorrow|since <month>|until <day>|during the <matter>",
    "where": "at home|at work|at school|in the <spot>|near the <spot>|by the <spot>|at the <spot>|behind the <spot>|"
             "in the <spot>|in <place>|outside|on the <thing>|near the <thing>|over there|here|upstairs|next door|"
             "under the <thing>|in front of the <spot>|next to the <spot>|across the <spot>|between the <spot> and the "
             "<spot>|everywhere|far away|on the left|on the right|around the corner|<around> the <spot>|<around> the <thing>",
    "whose": "my|your|our|his|her|their|the|the",
    "who": "<name>|<name>|<whose> <person>|<whose> <person>|the <little> <person>",
    "they": "I|you|we|they|the <persons>|my <persons>|<name> and <name>",
    "she": "he|she|<who>|<who>|it|<anyone>",
    "noun": "<thing>|<thing>|<thing>|<thing>|<fruit>|<animal>|<matter>|<matter>|<spot>|<device>|<body>",
    "nouns": "<things>|<things>|<things>|<things>|<fruits>|<animals>|<persons>|<matters>|<matters>|<spots>|<spots>|<bodys>",
    "mass": "<food>|<food>|<stuff>|<stuff>|<color> <food>|<little> <food>",
    "np": "the <noun>|my <noun>|your <noun>|this <noun>|a <little> <noun>|the <little> <noun>|his <noun>|the <nouns>|my <nouns>|"
          "her <noun>|our <noun>|that <noun>|their <noun>|the <nouns>|your <nouns>|<adj> <nouns>|<quantity> <nouns>|<num> <nouns>|some <mass>|"
          "the <color> <noun>|the <mass>|a <color> <thing>|another <noun>|every <noun>|<owner> <noun>|the <most> <noun>|"
          "<anything>|him|them|it|her|a lot of <mass>|a <noun>|enough <mass>|more <mass>|less <stuff>|the <adj> <noun>",
    "it": "the <noun>|the <noun>|my <noun>|your <noun>|this <noun>|the <little> <noun>|his <noun>|our <noun>|that <noun>|"
          "the <color> <noun>|<owner> <noun>|the <food>|the <stuff>|her <noun>|my <body>|<anything>|the <spot>",
    "very": "very|so|too|really|quite|not|always|never|a little|much too|almost|pretty|still|not very|rather||",
    "greet": "Hello|Hi|Hello there|Hi there|Good morning|Good afternoon|Good evening|Good night|Welcome|Welcome back|"
             "Hello again|Goodbye|Bye|See you later|Good day|Hey|Hey there|Bye bye|Hi again|Take care",
    "polite": "please|thank you|thanks|of course|sure|okay|yes|no|sorry|great|well|all right|yes please|no thanks|"
              "certainly|maybe|perhaps|oh|right|fine|excuse me|alright|exactly|wow|cool|absolutely|not at all|never mind|"
              "I see|good idea|congratulations|ah|really|yeah|nope|yep|by all means|with pleasure|I agree|okay then",
    "clause": "<they> <do> <np>|<she> <does> <np>|<she> <did> <np>|<they> <did> <np>|<it> is <very> <adj>|it is <weather>|"
              "<she> <went> <where>|<they> <modal> <go> <when>|<she> <goes> <adv>|<they> are <going>|the <nouns> are <adj>|the <person> <does> the <nouns>|<who> <does> <nouns>|<they> were <doing> <nouns>|"
              "the <bodys> are <adj>|<she> <goes> <adv>|I am <doing> <np>|<she> <goes> <where>|"
              "I am <adj>|we were <very> <adj>|<she> was <going> <where>|<they> had <np>|there was <np> <where>|"
              "<she> <modal> <do> <np>|it was <adj>|<they> <wont> <do> <np>|<shell> <do> <np>|<ive> <done> <np>|<hes> <doing> <np>|<who> is <adj>|<they> <go> <adv>|<it> <does> <np>|<it> was <color>",
    "answer": "I do|I do not|I am|I am not|it is|it is not|we can|we can not|that is right|that is fine|not now|not yet|"
              "that is wrong|I think so|I do not think so|I hope so|not today|maybe later|I did|I did not|you can|"
              "she is|he is not|there is|of course not|it was|they are|please do|go ahead|I would love to|I know",
}

# Kinds of sentences with their weights.
KINDS = {
    "one": (3, "<single>.|<single>|<single>?|<single>!|<single>."),
    "two": (12, "<polite>, <name>.|<greet>, <name>.|<greet>, <name>!|<color> <things>.|<num> <things>.|<num> <fruits>.|"
               "<little> <noun>.|<adj> <nouns>.|Very <adj>.|Too <adj>!|So <adj>.|How <adj>!|How <adj>?|Call <name>.|"
               "Open it.|<does> it.|<do> <anything>.|<did> it.|<doing> <nouns>.|Not <adj>.|<more> <nouns>.|Next <month>.|"
               "Last <day>.|<city>, <country>.|<name> <goes>.|<name> <went>.|Who <went>?|Keep <going>.|Start <going>.|"
               "Stop <doing>!|<person> <name>.|Uncle <name>.|Doctor <name>.|Which <noun>?|Whose <noun>?|Speak <language>.|In <language>.|<opener> <adj>.|<link> <anyone>.|<around> <place>.|"
               "<body> or <body>?|How's <name>?|"
               "My <body>!|<whose> <body>.|No <mass>.|More <mass>?|Some <mass>.|<adv> <adj>.|<go> <adv>.|Please <go>.|"
               "One <unit>.|<num> <units>.|<month> <nth>.|<money>.|<money>?|<percent>.|<year>.|In <year>.|<clock>.|<clock>?|"
               "It's <adj>.|I'm <adj>.|We're <adj>.|They're <going>.|You're <adj>!|He's <going>.|That's <adj>.|"
               "I <went>.|They <did>.|Let's <go>.|Don't <go>!|<name>?|<name>!|<place>?|<place>.|Is it?|<polite>!|"
               "<polite>.|<greet>!|<greet>.|In <place>.|From <place>.|To <city>.|<opener>, <adv>.|<little> <person>.|"
               "<polite>, <polite>.|<polite>.|<polite>?|At <clock>.|<color> <food>.|<do> <food>.|<quantity> <persons>.|"
               "<letter>, <letter>.|<sport> <matter>.|<language> <food>.|<most> <noun>.|Number <num>.|Room <num>.|<modal> I?"),
    "hello": (5, "<greet>, <name>.|<greet>, <name>!|<greet>, my name is <name>.|<greet>, I am <name>.|<greet>. <help>|"
                 "<greet>. <today>|<greet>, how are you?|<greet>, how are you <when>?|Nice to meet you, <name>.|"
                 "It is nice to see you again, <name>.|How are you doing <when>?|Welcome to <place>.|"
                 "Have a <little> <day>!|Have a good <matter>.|Take care, <name>.|Good luck with <np>.|<greet> from <place>!|"
                 "How was your <matter>, <name>?|I am fine, <polite>.|I am <very> <adj> <when>, <polite>.|What is new, <name>?|"
                 "Long time no see, <name>.|I missed you, <name>.|Say hello to <who>.|Happy birthday, <name>!|"
                 "Merry Christmas, <name>.|Happy New Year, <name>!|See you <when>.|See you <where>, <name>.|"
                 "Goodbye, <name>, and thank you for <np>.|It was nice talking to you, <name>.|Congratulations, <name>!"),
    "intro": (5, "My name is <name>, and I am from <place>.|I am <name>.|This is <who>.|I am your voice assistant.|"
                 "I am <num> years old.|<she> is <num> years old.|I live in <place>.|I am from <place>.|<who> lives in <place>.|"
                 "What is your name, please?|Where are you from, <name>?|Who is <who>?|How old is <she>?|I speak <language>.|"
                 "I can speak, and I can <go>.|My voice is <very> <adj>.|Do you speak <language>?|I am a <little> voice.|"
                 "<who> and <who> live in <place>.|I work with <who>.|Do you know <who>?|This is my <person>, <name>.|"
                 "My <person> is called <name>.|I was born in <year>.|<name> was born in <place> in <year>.|I come from <place>.|"
                 "I have <num> <persons>.|We moved to <place> in <year>.|<name> is a <person>.|I work as a <person> in <city>.|"
                 "Her <person> is a <person>.|<who> speaks <language> and <language>.|Call me <name>.|I am called <name>.|"
                 "I am a small voice that runs on your computer.|<name> is <owner> <person>.|We are <persons>."),
    "help": (8, "How can I help you <when>?|What can I do for you, <name>?|Can I help you with <np>?|Is there anything else?|"
                "Please wait a moment, <name>.|I am sorry, I do not understand <np>.|Could you say that again, please?|"
                "I did not hear <np>.|Thank you for <np>.|Thank you very much, <name>.|You are welcome, <name>.|I do not know.|"
                "I will <do> <np> for you.|Let me <do> <np>.|Would you like to <do> <np>?|Shall I <do> <np>?|"
                "Do you want me to <do> <np>?|I am listening.|Are you ready, <name>?|What would you like to <do>?|"
                "Thank you for <doing> <np>.|That is a <adj> question.|I will call you back <when>.|Please call me <when>.|"
                "Here is <np>.|The answer is <num>.|Your <noun> is ready.|Your <noun> is <where>.|I am looking for <np>.|"
                "Do you need help with <np>?|I am happy to <go>.|Sorry, I can not <do> that.|I could not find <np>.|"
                "Can you help me <do> <np>?|I need help with <np>.|You should <do> <np> <when>.|Did you mean <num> or <num>?|"
                "Please say yes or no.|Yes, <answer>.|No, <answer>.|<polite>, <answer>.|Yes, <answer>, <name>.|Sorry, <answer>.|"
                "No, thank you, <answer>.|Help me, please!|I am afraid <answer>.|<polite>, but <answer>.|Well, <answer>."),
    "agent": (8, "I found <num> results.|I found <num> <nouns> <where>.|Your order will arrive on <day>.|I have set <np>.|"
                 "Sorry, I did not catch that.|I have sent your <noun> to <who>.|I added <mass> to your list.|"
                 "Your <noun> has been <done>.|You have <num> new <nouns>.|I will remind you <when>.|Your flight to <place> is <adj>.|"
                 "Your appointment is on <date> at <clock>.|Should I book a <noun> for <num>?|Please hold while I <do> <np>.|"
                 "Your total is <money>.|Is <np> correct?|Let me check <np> for you.|I have updated your <noun>.|"
                 "Would you like to hear <np>?|Here are the <most> <nouns>.|There is a problem with your <noun>.|"
                 "Your package was sent on <date>.|Press <num> for <nouns>.|Press <num> to <do> <np>.|Please enter your <noun>.|"
                 "To <do> <np>, say <polite>.|Your call is important to us.|I am sorry for the <adj> <noun>.|I can not open <np>.|"
                 "Your number is <phone>.|Call <phone>.|The code is <digits>.|My number is <phone>.|The password is <letters>.|"
                 "That <noun> is not available.|Please try again <when>.|Your <noun> number is <digits>.|"
                 "I have <num> <nouns> for you.|The <device> is now <adj>.|Your reservation is for <num> people.|Calling <name>.|"
                 "Searching for <nouns>.|One new message from <name>.|Reminder: <do> <np>.|New <noun>: <noun>."),
    "today": (5, "Today is <day>.|Tomorrow is <day>.|Today is <day>, <date>.|Is it <day> today?|It is <date>.|"
                 "What day is <date>?|The day after <day> is <day>.|Tomorrow is <date>.|<owner> birthday is in <month>.|"
                 "My birthday is on <date>.|The <matter> is on <day>.|The meeting is on <day> at <clock>.|<month> is in the <season>.|"
                 "I like <season>.|We will meet on <day>.|The <season> begins in <month>.|<month> has <num> days.|"
                 "The next holiday is on <date>.|I am free on <day>.|I was <adj> on <day>.|It was a <adj> <day>.|"
                 "There are seven days in a week.|There are twelve months in a year.|<day> is my favorite day.|"
                 "It happened in <year>.|In <year> we <did> <np>.|From <day> to <day>.|From <month> until <month>.|"
                 "The <noun> is from <year>.|The <matter> ends on <date>.|Before <month> comes <month>.|<date>, <year>.|"
                 "The year is <year>.|It was <year>.|On <date> I <did> <np>.|<day>, <day>, and <day>.|It is <season> in <place>."),
    "time": (5, "It is <clock>.|It is <clock> now.|The time is <clock>.|What time is it <where>?|It is almost <clock>.|"
                "The train leaves at <clock>.|The <noun> arrives at <clock>.|I will be back at <clock>.|Wake me up at <clock>.|"
                "Your alarm is set for <clock>.|Set a timer for <num> <units>.|Your timer is set for <num> <units>.|"
                "The <matter> starts at <clock>.|We have <num> <units>.|It takes <num> <units>.|It is time to <go>.|"
                "Dinner is at <clock>.|I get up at <clock>.|The <spot> opens at <clock>.|The <spot> closes at <clock>.|"
                "It is <clock> in <place>.|In <num> hours it will be <clock>.|Can we meet at <clock>?|Please come at <clock>.|"
                "I waited for <num> <units>.|Is it <clock> already?|Set an alarm for <clock>.|From <clock> to <clock>.|"
                "Every <day> at <clock>.|Only <num> <units> left.|A <unit> has <num> <units>.|A <unit> is <more> than a <unit>.|Wait a <unit>.|Each <unit> is <adj>.|In a <unit> or two.|Not before <clock>.|Between <clock> and <clock>.|"
                "The <noun> was <num> <units> late.|Half an hour ago.|It is a quarter of an hour."),
    "numbers": (7, "<said>, <said>, <said>.|The number is <number>.|<num> and <num>.|I have <num> <nouns>.|There are <number> <nouns>.|"
                   "There are <num> <persons> <where>.|<num> plus <num> is <num>.|<num> minus <num> is <num>.|It costs <money>.|"
                   "That is <money>, please.|Page <number>.|Room number <number>.|We need <num> <nouns>.|<said>, <said>.|"
                   "I counted <number> <nouns>.|About <percent>.|The price is <money>.|You have <num> new messages.|"
                   "Chapter <num>.|Number <num>, please.|<num> times <num>.|<np> costs <money>.|What is <num> plus <num>?|"
                   "<num> divided by <num> is <num>.|<decimal> <units>.|It is <decimal>.|<number> is more than <number>.|"
                   "The <nth> <noun>.|He was the <nth> <person>.|<percent> of the <nouns>.|<percent> is not enough.|"
                   "<num> out of <num>.|One half is <percent>.|I paid <money> for <np>.|<money> for a <noun>?|"
                   "A <noun> and <num> <nouns>.|The <spot> is <decimal> miles away.|<digits>.|<digits>|<phone>.|<number>|<number>.|"
                   "<decimal>.|My score is <number>.|Track <num>.|Count to <num>.|<number> <units>.|A hundred <nouns>.|"
                   "A thousand <units>.|A million <nouns>.|Twice <num> is <num>.|<num> or <num>?"),
    "letters": (3, "<letters>.|<letters>|The letter <letter>.|<letters>.|It begins with <letter>.|<name> begins with <letter>.|"
                   "My name is spelled <spelled>.|<spelled>.|<spelled>|How do you spell <single>?|<single> is spelled <spelled>.|"
                   "Plan <letter>.|Press the letter <letter>.|Is it <letter> or <letter>?|<letter> as in <name>.|"
                   "<letter>, <num>, <letter>, <num>.|Gate <letter>.|My code is <letters>.|After <letter> comes <letter>."),
    "outside": (6, "The weather is <very> <weather> today.|It is <very> <weather> <when>.|It is <weather> and <weather>.|"
                   "It is <num> degrees.|It is <num> degrees <where>.|It will be <weather> <when>.|It will rain <when>.|"
                   "It is raining in <place>.|It is snowing <where>.|Is it <weather> <where>?|It was <weather> <where>.|"
                   "How is the weather in <place>?|The weather in <place> is <weather>.|Take your coat, it is <weather>.|"
                   "There is a lot of <stuff> <where>.|The sky is <color>.|The wind is <very> strong.|It will be <num> degrees <when>.|"
                   "I like <weather> days.|The <season> was <very> <weather>.|Will it rain <when>?|The sun is <very> bright <when>.|"
                   "Tomorrow will be <weather>.|Minus <num> degrees.|<decimal> degrees.|A storm is coming to <place>.|"
                   "The moon is <adj> tonight.|The stars are <very> <adj>.|A cloud is over the <spot>.|A <weather> <season> day.|"
                   "There is a <percent> chance of rain.|It rained for <num> <units>.|The temperature is <num> degrees.|"
                   "It is <more> today than yesterday.|The nights are <more> in <month>.|Snow fell in <place> <when>."),
    "statement": (16, "<it> is <very> <adj>.|<it> is <where>.|<it> is <more> than <it>.|<they> <do> <np>.|<they> <do> <np> <when>.|"
                      "<she> <does> <np>.|<she> <does> <np> <when>.|<they> <did> <np>.|<she> <did> <np> <when>.|"
                      "<she> <did> <np> <where>.|I am <going> <where>.|<she> is <going> <when>.|We are <doing> <np>.|"
                      "I am <very> <adj>.|<she> is <very> <adj>.|I will <go> <when>.|I want to <go> <where>.|<she> will <do> <np>.|"
                      "<she> wants to <go> <when>.|There is <np> <where>.|I have <np>.|<who> has <np>.|I like <mass> and <nouns>.|"
                      "<they> <modal> <do> <np> <when>.|I do not <do> <np>.|I can not <do> <np>.|This is <np>.|That was <very> <adj>.|"
                      "I think <it> is <adj>.|I know that <who> is <where>.|I am going to <do> <np>.|<polite>, I <do> <np>.|"
                      "<polite>, <clause>.|<polite>, that is <adj>.|It is <np>.|You and I <did> <np>.|I hope you <do> <np>.|"
                      "I put <np> <where>.|We <go> <when>.|<she> <goes> <adv> <where>.|<they> <went> <where> <when>.|"
                      "<opener>, <clause>.|<she> <modal> not <do> <np>.|We have been <going> <when>.|They would <do> <np>.|"
                      "You must not <do> <np>.|<anyone> <did> <np>.|It is the <most> <noun> in <place>.|<she> is <doing> <np> <adv>.|"
                      "<they> were <doing> <np>.|The <persons> <went> <adv>.|Nobody <does> <np>.|I have never <done> <np>.|"
                      "<she> is not <going> <when>.|I would rather <go> than <go>.|<they> <wont> <go> <when>.|<they> <wont> <do> <np>.|<shell> <go> <where>.|<shell> <do> <np>.|"
                      "<ive> <done> <np>.|<she> hasn't <done> <np>.|<they> haven't <done> <np>.|<it> <isnt> <adj>.|The <nouns> <arent> <adj>.|"
                      "<it> is <more> than before.|They <do> <np> <adv>.|Everything got <more>.|<hes> <going> <adv>.|"
                      "It is too <adj> to <go>.|We used to <go> <where>."),
    "joined": (11, "<clause> <link> <clause>.|<clause>, <link> <clause>.|<link> <clause>, <clause>.|If <clause>, <clause>.|"
                  "<clause>; <clause>.|<clause>, but <clause>.|<clause> - <clause>.|<clause>, and <clause>.|When <clause>, <clause>.|"
                  "I said that <clause>.|\"<clause>,\" <name> said.|<name> said: \"<clause>.\"|She told me that <clause>.|"
                  "<opener>, <clause>.|<opener> <clause>.|<opener>, <clause>, <link> <clause>.|<link> <clause>, <clause> <adv>.|Either <clause> or <clause>.|Do you think that <clause>?|<clause>, right?"),
    "question": (9, "Can you <do> <np>?|Do you <do> <np>?|Did you <do> <np> <when>?|Is <it> <adj>?|Is <it> <where>?|"
                    "Where is <np>?|Where is <who>?|What is <where>?|Why is <it> <adj>?|When will <she> <go>?|Where do you <go>?|"
                    "When do we <go>?|Are you <going> <when>?|Is <she> <going> <where>?|Who <did> <np>?|How much is <np>?|"
                    "How many <nouns> do you have?|Would you like some <mass>?|Do you like <nouns>?|Could you <do> <np>, please?|"
                    "May I <do> <np>?|Should we <go> <when>?|Are you <adj>?|What did <she> <do>?|Have you <done> <np>?|Is this <np>?|"
                    "What is <np>?|Can I <go> <where>?|Which <noun> do you want?|Do you want to <go> <when>?|Does <she> <do> <np>?|"
                    "How far is the <spot>?|How long is the <noun>?|Who is <doing> <np>?|Why did you <do> <np>?|What does <she> <do>?|"
                    "Were you <where> <when>?|Was it <adj>?|Isn't it <adj>?|Don't you <do> <np>?|Whose <noun> is this?|"
                    "What color is <it>?|Where did <she> <go>?|How does <it> <go>?|What kind of <noun> is it?|<modal> we <go> <where>?|"
                    "Are there any <nouns> <where>?|Is there a <spot> near here?|Why don't we <go>?|Have they <done> <np>?|"
                    "<adj> or <adj>?|Is it <more> than <it>?|How's <it>?|Who's <going>?|Where's <it>?|What's <adj>?|Do you want <mass> or <mass>?|What happened <when>?|How often do you <go>?"),
    "order": (5, "Please <do> <np>.|<do> <np>, please.|Please <go> <where>.|Do not <do> <np>.|Do not <go> <where>.|"
                 "Please <do> <np> <when>.|Let us <go> <when>.|Let us <do> <np>.|Tell me about <np>.|Tell <who> about <np>.|"
                 "Show me <np>.|Give me <np>, please.|Go to <place>.|Come here, <name>.|Look at <np>.|Listen to <np>.|"
                 "Always <do> <np>.|Never <do> <np>!|<go> <adv>, <name>.|Be <adj>!|Don't be <adj>.|Hurry up, <name>!|Watch out!|"
                 "<do> <np> and <do> <np>.|Ask <who> about <np>.|Explain <np> to me.|Spell <single>.|Repeat: <single>."),
    "home": (5, "Turn on the <device>.|Turn off the <device>, please.|Please turn the <device> on.|I turned off the <device>.|"
                "Turn up the <device>.|Turn down the <device> in the <spot>.|The <device> in the <spot> is <adj>.|Is the <device> on?|"
                "The <device> is off.|Open the window in the <spot>.|Lock the <noun>.|The front door is <adj>.|Set the <device> to <num>.|"
                "Set the heating to <num> degrees.|Make the <device> <color>.|Play some <stuff>.|Play the next song.|Pause the music.|"
                "Play <sport> music on the radio.|Volume <num>.|Louder, please.|Turn the volume to <percent>.|Stop the <device>.|"
                "Add <mass> to the shopping list.|Add <num> <fruits> to my list.|Remind me to <do> <np>.|Remind <who> <when>.|"
                "Switch the <device> to <color>.|The <device> needs a new battery.|Who is at the door?|Dim the <device> to <percent>.|"
                "The <device> is too <adj>.|Is the <thing> <where>?|The washing machine is <adj>."),
    "eating": (6, "I would like <mass>, please.|I would like a <fruit>, please.|We had <mass> and <fruits>.|Do you have any <mass>?|"
                  "A cup of tea and a <fruit>.|<fruits>, <fruits> and <food>.|<food> and <food>.|<food> with <food>.|"
                  "I am hungry; let us eat <food>.|The <food> is <very> <adj>.|The <fruits> are <adj>.|<who> ate <num> <fruits>.|"
                  "<who> drinks <food> <when>.|How much is the <food>?|The <fruits> cost <money>.|I bought <food> and <fruits>.|"
                  "For <when>, we have <food>.|Pass me the <food>, please.|This <food> tastes <adj>.|Cook the <food> for <num> minutes.|"
                  "I don't like <fruits>.|My favorite food is <food>.|A kilo of <fruits>, please.|The bill, please.|A <fruit> <food>.|"
                  "Can I pay by card?|I'll have the <food>.|They've no <food> left.|A table for <num>, please.|Table <num> wants <food>.|"
                  "Fresh <food> from <place>.|<color> <fruits> and <color> <fruits>.|We sell <fruits> and <food>."),
    "people": (6, "My <body> hurts.|<whose> <body> is <adj>.|I have a pain in my <body>.|<who> has <color> hair.|"
                  "<who> has <adj> <bodys>.|Wash your <bodys>.|I feel <very> <adj> <when>.|<who> feels <adj>.|Are you feeling <more>?|"
                  "Call a <person>, please.|<whose> <person> is <very> <adj>.|<whose> <person> <does> <np>.|I love my <person>.|"
                  "<who> married <name> in <year>.|The <person> and the <person> <went> <where>.|<who> is <more> than <who>.|"
                  "The <persons> are <going>.|I have a cold.|You should see a <person>.|Take your <stuff> <when>.|Where is your <person>?|"
                  "A <person> with a <thing>.|Put <whose> <body> on the <thing>.|<owner> <body> and <body>.|She broke her <body>.|"
                  "<who> is the <most> <person>.|My <person> works <where>.|<whose> <persons> are <adj>.|He is no <person>.|"
                  "My <person> is <name>, and my <person> is <name>."),
    "pets": (3, "The <animal> is <very> <adj>.|I saw a <animal> <where>.|The <animals> are <going>.|<who> has <num> <animals>.|"
                   "A <animal> <did> my <fruit>.|The <animal> <goes> like a <animal>.|<color> <animals>.|Feed the <animal>.|"
                   "<animals> eat <food>.|The <animal> <went> <where>.|My <animal> likes <food>.|A <little> <animal> <went> <adv>.|"
                   "Is that a <animal> or a <animal>?|<animals> can <go>, but <animals> can't.|The <animal> and the <animal>.|"
                   "The <color> <animal> <did> <np>.|<animals> and <animals>."),
    "travel": (5, "Turn left at the <spot>.|Turn right after the <spot>.|Go straight to the <spot>.|How do I get to the <spot>?|"
                  "The <spot> is <num> <units> away.|The <spot> is next to the <spot>.|We are going to <place> <when>.|"
                  "The next train to <city> leaves at <clock>.|A ticket to <place>, please.|The flight from <city> to <city>.|"
                  "Where is the <spot> in <city>?|Have you been to <place>?|I have never been to <place>.|<city> is in <country>.|"
                  "<place> is <adj>.|We went to the <spot> by car.|<who> drove to <city>.|The <spot> in <city> is <adj>.|Is <city> in <country>?|"
                  "I want to see <place>.|The <spot> is on the left.|From the <spot> to the <spot>.|North of <city>.|South or west?|"
                  "The <spots> of <country>.|The capital of <country>.|<country> and <country>.|Gate <num>.|Platform <num>.|Straight ahead.|"
                  "It is <number> miles to <city>.|My hotel is near the <spot>.|<who> flew to <city> on <day>.|East of the <spot>."),
    "work": (5, "My <thing> does not <go>.|I forgot my <noun>.|The <noun> has <num> pages.|Please print <num> <nouns>.|"
                "The <matter> is <very> <adj>.|We need a <adj> <matter>.|The <matter> and the <matter>.|<who> has a new job in <city>.|"
                "I sent the <noun> to <name>.|The <person> wants the <noun> by <day>.|Save the <noun> as <single>.|Close the file.|"
                "The internet is <adj> <when>.|Restart the <device>.|Who made this <matter>?|A <adj> <matter> is a <adj> <matter>.|"
                "The team won <num> to <num>.|We play <sport> <when>.|<who> plays <sport>.|<who> likes <sport> and <sport>.|"
                "<name> won the <sport> game.|My <matter> about <mass>.|I study <stuff> in <city>.|Learn <language> <when>.|<sport> is <adj>.|"
                "I play the piano.|Is <sport> <more> than <sport>?|The song is called <single>.|The <nth> <matter>.|Our <matters> are <adj>."),
    "story": (8, "<who> <went> <where>, and <who> <did> <np>.|Once there was a <little> <person>.|The <person> <went> and <went>.|"
                 "First <clause>. Then <clause>.|<clause>. <clause>.|One day, <clause>.|At last, <clause>.|Long ago, <clause>.|"
                 "The <animal> <did> the <animal>, and <clause>.|<who> <did> <np>. <clause>.|She opened the <noun>. It was <adj>.|"
                 "He <went> <where>. Nobody <did> him.|It was a <adj> <noun>, and <clause>.|A <person> had <num> <persons>.|"
                 "They <did> the <noun>, <did> the <noun>, and <went>.|The end of the <noun>.|The <person> said yes, and <clause>."),
    "saying": (4, "A <adj> <noun> is better than <np>.|<nouns> make <nouns>.|No <noun> without <stuff>.|<stuff> is <stuff>.|"
                  "Who <does> <nouns> <does> <stuff>.|The <more> the <noun>, the <more> the <noun>.|<stuff> <does> <nouns>.|"
                  "<adj> <persons> <do> <adj> <nouns>.|Every <noun> has a <noun>.|All <nouns> are <adj>.|Most <nouns> are <adj>.|"
                  "<stuff> and <stuff> are <adj>.|<anyone> needs <stuff>.|<more> is not always <more>.|Both <nouns> and <nouns> <go>.|"
                  "A <noun> of <stuff>.|Neither <stuff> nor <stuff>.|As <adj> as a <noun>.|<adj> as <stuff>, <adj> as <stuff>."),
    "salad": (16, "<any> <any>|<any> <any> <any>|<any> <any> <any> <any>|<any>, <any> <any>|<any> <any> <any> <any> <any>|"
                  "<any> <any> <any> <any> <any> <any>|<any> <any>, <any> <any> <any>|<any> <any> <any> <any> <any> <any> <any>"),
}
FIXED = ["Hello there.", "Today is Monday.", "How can I help you?", "The weather is nice today.", "It is ten thirty.",
         "My name is Marvis.", "Hello.", "Good morning.", "Thank you.", "Goodbye."]
STOCK = """Yes.|No.|Okay.|OK.|Hi.|Hey.|Hello.|Bye.|Goodbye.|Thanks.|Sorry.|Please.|Sure.|Great.|Good.|Fine.|Right.|Maybe.|Perhaps.|
Welcome.|Really?|Why?|What?|When?|Where?|Who?|How?|Stop.|Wait.|Help!|Exactly.|Perfect.|Wonderful.|Wow.|Yes, please.|No, thanks.|
No, thank you.|Thank you.|Thank you very much.|You are welcome.|Good morning.|Good night.|Good evening.|Good afternoon.|How are you?|
I am fine.|I'm fine, thanks.|And you?|What is your name?|Where are you from?|Nice to meet you.|See you later.|See you soon.|See you tomorrow.|
Of course.|No problem.|All right.|Not yet.|Not now.|Why not?|I see.|I know.|I do not know.|I don't know.|I don't understand.|Excuse me.|
I am sorry.|I'm sorry.|Come in.|Sit down.|Good luck.|Good idea.|Have a nice day.|Have a good weekend.|Happy birthday!|Merry Christmas!|
One moment, please.|Just a moment.|Please wait.|Hold on.|Go ahead.|Go on.|Come on.|Never mind.|That's right.|That's all.|Who are you?|
What time is it?|What day is it today?|What is the weather like?|Can you hear me?|Can you help me?|Can I help you?|Tell me a story.|Tell me a joke.|
I love you.|I like it.|Say that again, please.|Could you repeat that?|Testing, one, two, three.|This is a test.|Hello, world!|Hello world|
My name is Marvis.|I am Marvis.|I am a computer voice.|I am your voice assistant.|One, two, three, four, five.|It is raining.|Let's go.|
The quick brown fox jumps over the lazy dog.|Is there anything else?|What can I do for you?|How can I help?|Sounds good.|Well done.|
Anything else?|Not at all.|I'm here.|I'm ready.|Are you there?|Can you say that?|What's up?|How do you do?|Speak slowly, please.|Turn it off.|Turn it on."""


def plural(word):
    if word in PLURALS:
        return PLURALS[word]
    if re.search(r"(s|x|ch|sh|tomato|potato)$", word):
        return word + "es"
    return re.sub(r"(?<=[^aeiou])y$", "ie", word) + "s"


def verb_forms(entry):
    """see/saw -> see, sees, saw, seeing."""
    base, past, ing = (entry.split("/") + ["", ""])[:3]
    stem = base[:-1] if re.search(r"[^eo]e$", base) else base
    past = past or (re.sub(r"(?<=[^aeiou])y$", "i", base) + "ed" if stem == base else base + "d")
    return base, re.sub(r"(o|s|x|sh|ch)$", r"\1e", re.sub(r"(?<=[^aeiou])y$", "ie", base)) + "s", past, ing or stem + "ing"


def rules():
    table = {k: [w.replace("_", " ") for w in dict.fromkeys(v.split())] for k, v in WORDS.items()}
    for name, count in WITH_PLURAL.items():
        table[name + "s"] = [plural(w) for w in table[name][:count]]
    for name, (third, past, ing) in {"do": ("does", "did", "doing"), "go": ("goes", "went", "going")}.items():
        for rule, forms in zip((name, third, past, ing), zip(*map(verb_forms, VERBS[name].split()))):
            table[rule] = list(forms)[:None if rule in (name, past) else WITH_FORMS[name]]
    table["done"] = [PARTICIPLES.get(w, w) for w in table["did"][:WITH_FORMS["do"]]]
    table["single"] = sorted({w for k in ("thing", "fruit", "food", "animal", "body", "spot", "matter", "stuff", "adj",
                                          "color", "name", "adv", "do", "go", "going", "day", "month")
                              for w in table[k]})
    table.update({k: v.split("|") for k, v in PARTS.items()})
    table.update({k: v.split("|") for k, (_, v) in KINDS.items()})
    table["stock"] = STOCK.replace("\n", "").split("|")
    return table


RULES = rules()
WEIGHTS = {k: w for k, (w, _) in KINDS.items()} | {"stock": 4}
