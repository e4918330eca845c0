"""English word lists the rules read: titles, streets, states, acronyms, names of kings.

Facts only; no behaviour.
"""

from __future__ import annotations

from vivavoce.text.wordlists import words

# Abbreviation (without its dot) -> word, when a dot follows.
DOTTED = {
    "Mr": "Mister", "Mrs": "Missus", "Ms": "Miz", "Messrs": "Messieurs", "Prof": "Professor",
    "Gen": "General", "Col": "Colonel", "Sgt": "Sergeant", "Capt": "Captain", "Cpl": "Corporal",
    "Lt": "Lieutenant", "Maj": "Major", "Cmdr": "Commander", "Adm": "Admiral", "Pvt": "Private",
    "Rev": "Reverend", "Hon": "Honorable", "Sen": "Senator", "Rep": "Representative",
    "Gov": "Governor", "Pres": "President", "Supt": "Superintendent", "Fr": "Father",
    "Jr": "Junior", "Sr": "Senior", "Esq": "Esquire", "Drs": "Doctors", "Insp": "Inspector",
    "Inc": "Incorporated", "Ltd": "Limited", "Corp": "Corporation", "Co": "Company",
    "Bros": "Brothers", "Assn": "Association", "Dept": "Department", "Univ": "University",
    "Govt": "Government", "Intl": "International", "Natl": "National", "Mfg": "Manufacturing",
    "Ave": "Avenue", "Blvd": "Boulevard", "Rd": "Road", "Hwy": "Highway", "Expy": "Expressway",
    "Pkwy": "Parkway", "Mt": "Mount", "Ft": "Fort", "Ln": "Lane",
    "vs": "versus", "etc": "et cetera", "approx": "approximately", "est": "established",
    "misc": "miscellaneous", "incl": "including", "excl": "excluding", "cf": "compare",
    "max": "maximum", "min": "minimum", "avg": "average", "temp": "temperature",
    "appt": "appointment",
    "al": "al", "viz": "namely", "ibid": "ibid", "dept": "department", "govt": "government",
    "assoc": "associate", "asst": "assistant", "ed": "editor", "eds": "editors", "ext": "extension",
    "tel": "telephone", "Tel": "telephone", "hrs": "hours", "mins": "minutes", "secs": "seconds",
    "ft": "feet", "lbs": "pounds", "oz": "ounces", "Mon": "Monday", "Tues": "Tuesday",
    "Wed": "Wednesday", "Thurs": "Thursday", "Fri": "Friday", "mr": "mister", "mrs": "missus",
    "ms": "miz", "jr": "junior", "sr": "senior", "prof": "professor", "inc": "incorporated",
    "Jan": "January", "Feb": "February", "Aug": "August", "Sept": "September", "Sep": "September",
    "Oct": "October", "Nov": "November", "Dec": "December",
}  # fmt: skip
# Only before a number.
NUMBERED = {
    "no": "number", "nos": "numbers", "vol": "volume", "vols": "volumes", "ch": "chapter",
    "chap": "chapter", "fig": "figure", "figs": "figures", "pg": "page", "p": "page",
    "pp": "pages", "sec": "section", "art": "article", "eq": "equation", "pt": "part",
    "rte": "route", "apt": "apartment", "ste": "suite", "bldg": "building", "v": "versus",
    "ver": "version", "ca": "circa", "c": "circa", "op": "opus", "rt": "route", "rm": "room",
    "tab": "table", "arts": "articles", "chaps": "chapters", "eqs": "equations",
}  # fmt: skip
# With inner dots, longest first where one begins another.
INNER_DOTS = {
    "e.g.": "for example", "i.e.": "that is", "a.k.a.": "also known as", "Ph.D.": "P H D",
    "Ph.D": "P H D", "et al.": "et al", "w/o": "without", "w/": "with", "b/c": "because",
    "c/o": "care of", "n/a": "not applicable", "N/A": "not applicable", "24/7": "twenty-four seven",
    "and/or": "and or", "he/she": "he or she", "she/he": "she or he", "his/her": "his or her",
    "him/her": "him or her", "s/he": "she or he", "401(k)": "four oh one K",
    "401k": "four oh one K", "403(b)": "four oh three B",
}  # fmt: skip
STREETS = {
    "st": "Street", "street": "Street", "ave": "Avenue", "avenue": "Avenue", "rd": "Road",
    "road": "Road", "blvd": "Boulevard", "dr": "Drive", "drive": "Drive", "ln": "Lane",
    "lane": "Lane", "ct": "Court", "court": "Court", "hwy": "Highway", "highway": "Highway",
    "expy": "Expressway", "expressway": "Expressway", "pkwy": "Parkway", "parkway": "Parkway",
    "pl": "Place", "place": "Place", "sq": "Square", "square": "Square", "ter": "Terrace",
    "cir": "Circle", "boulevard": "Boulevard", "way": "Way",
}  # fmt: skip
DIRECTIONS = {"N": "North", "S": "South", "E": "East", "W": "West"}
STATES = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California",
    "CO": "Colorado", "CT": "Connecticut", "DE": "Delaware", "FL": "Florida", "GA": "Georgia",
    "HI": "Hawaii", "ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "IA": "Iowa",
    "KS": "Kansas", "KY": "Kentucky", "LA": "Louisiana", "ME": "Maine", "MD": "Maryland",
    "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota", "MS": "Mississippi",
    "MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada", "NH": "New Hampshire",
    "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York", "NC": "North Carolina",
    "ND": "North Dakota", "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania",
    "RI": "Rhode Island", "SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee",
    "TX": "Texas", "UT": "Utah", "VT": "Vermont", "VA": "Virginia", "WA": "Washington",
    "WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming", "DC": "D C",
}  # fmt: skip

# Capitals said as letters although they could be read as a word.
SPELLED = words(
    """
    AI API APIS ATM CEO CFO CIA CIO COO CTO CPU DIY DNA EPA ETA EU EUR FAQ FBI GDP GOP GPA GPU
    HIV IBM ICU ID IDE IMF IO IP IPO IQ IRA IRS ITV IUD LA LOL MIT MRI NBA NCAA NFL NHL NHS NSA
    NYU OECD OS OSI PA PDF PHP RAF RNA ROI SAT SEO SOS SUV TV UAE UCLA UFC UFO UI UK UN UPS URI
    URL US USA USB USC USSR UTC UV UX VAT VIP WHO WTO BBC CBS CNN HBO LAPD NYPD MBA USD AOL BA
    MA AA AAA IEEE ACLU AFL IOS HQ PR HR TA RA QA ER MSNBC NAACP AARP SSN PNR OTP YMCA ESPN BMW
    ABC NBC AFC UCL AC DC CE BCE AM PM CD DVD PC EP LP DJ MC JP
    """
)
# Capitals that are words: shouted English, and acronyms with a pronunciation.
WORDS = words(
    """
    A ACE ACT ADD AGE AGO AID AIM AIR ALL AND ANY ARE ARM ART AS ASK AT ATE BAD BAG BAR BE BED
    BEE BIG BIT BOX BOY BUS BUT BUY BY CAN CAR CAT CRY CUT DAD DAY DID DO DOG DRY DUE EAR EAT
    EGG END EYE FAR FEW FIT FLY FOR FUN GAS GET GO GOD GOT GUN GUY HAD HAS HAT HE HER HEY HIM
    HIS HIT HOT HOW I ICE IF ILL IN INK IS IT ITS JOB JOY KEY KID LAW LAY LED LET LIE LOT LOW
    MAN MAP MAY ME MEN MOM MUD MY NET NEW NO NOR NOT NOW OAK ODD OF OFF OH OIL OK OLD ON ONE OR
    OUR OUT OWE OWN PAY PEN PIN PUT RAN RED RUN SAD SAID SAW SAY SEA SEE SET SHE SHY SIT SIX SKY
    SO SON SUN TAX TEA TEN THE THY TO TOO TOP TRY TWO UP USE WAR WAS WAY WE WET WHY WIN WON YES
    YET YOU ZOO NASA NATO UNESCO UNICEF AIDS FIFA UEFA IKEA LASER RADAR SCUBA OPEC NAFTA ASEAN
    HUD SWAT RAM ROM SIM GIF JPEG ZIP TED PETA COVID WIFI ASAP POTUS SCOTUS FEMA ERISA BASIC
    COBOL UNIX LINUX CUDA NAND MIDI GUI UM HM MMM HMM SHH PSST BRR TSK AH AW EH EW HA HO OW UH
    YO MR MRS MS DR ST PH
    """
)

# Capitals that are read as a word but are written so: they stay as they are.
ACRONYMS = words(
    """
    NASA NATO UNESCO UNICEF FIFA UEFA IKEA OPEC NAFTA ASEAN SWAT RAM ROM SIM GIF JPEG PETA COVID
    POTUS SCOTUS FEMA ERISA CUDA NAND MIDI ASAP LASIK AIDS OK
    """
)

REGNAL = words(
    """
    Henry George Louis Charles James William Edward Richard John Philip Frederick Francis Peter
    Catherine Elizabeth Mary Ivan Alexander Nicholas Paul Pius Benedict Gregory Leo Clement
    Innocent Urban Napoleon Wilhelm Friedrich Otto Ferdinand Isabella Alfonso Carlos Juan Felipe
    Pedro Christian Gustav Oscar Haakon Harald Olav Leopold Albert Baldwin Robert David
    Ramesses Ramses Thutmose Amenhotep Cleopatra Ptolemy Darius Xerxes Cyrus Theodosius
    Constantine Justinian Mehmed Suleiman Selim Murad Umberto Victor Emmanuel Boniface Celestine
    Sixtus Julius Rainier Margrethe Abdullah Hussein Hassan Mohammed Stephen Sigismund
    Maximilian Rudolf Joseph
    """
)
NOT_PERSONS = words(
    """
    Rocky Fantasy Apollo Saturn Vatican Mark Quest Gear Wars Trek Soul Souls Creed Evil Duty
    Kombat Theft Auto Halo Diablo Civilization Bowl Titan Type Model Gemini Polaris Poseidon
    Minuteman Atlas Hawk Symphony Sonata Concerto Ultima Warcraft Starcraft Street_Fighter Space
    Kings Corinthians Samuel Chronicles Timothy Thessalonians Region Zone Group Site Schedule
    Annex Form Rule List Pentium Godfather Scream Saw
    """
)
NUMBERED_THINGS = (
    "Chapter|Part|Volume|Vol|Act|Scene|Book|Section|Article|Appendix|World War|War|Type|Phase|"
    "Stage|Level|Class|Title|Grade|Episode|Super Bowl|Canto|Figure|Fig|Table|Lesson|"
    "Unit|Module|Step|Round|"
    "Division|Category|Tier|Psalm|Sonnet|Opus|Page|Plate|Amendment|Factor|Nerve|Page|Day|Number|No"
)
