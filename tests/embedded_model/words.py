"""The lexicon: every ordinary word the embedded model was taught, and the made-up words beside them.

A word in these lists is one token of the shipped tokenizer; any other word is split into pieces. The
model copies both, but words from the lists more reliably, so what stands here is a property of the
model and is part of its card.
"""

import random
from typing import Final


def _words(text: str) -> list[str]:
    return text.split()


ADJECTIVES: Final = _words("""
low high worn weak loose broken cold hot dirty blocked bent cracked slow fast old new wet dry empty full open closed
missing wrong bad stuck noisy quiet dark bright soft hard heavy light thin thick short long red blue green white black
grey yellow orange brown purple silver golden small large big tiny main spare inner outer upper lower left right front
rear top bottom remote local double single triple invalid valid expired unknown known failed partial internal external
public private shared frozen corrupt damaged leaking jammed faulty defective incorrect incomplete duplicate outdated
unstable overheated overloaded misaligned unplugged disabled enabled locked unlocked temporary permanent manual
automatic daily weekly monthly yearly free paid final early late clean smooth rough sharp flat round square narrow wide
deep shallow strong rusty dusty foggy sealed swollen twisted burnt scratched mixed silent random common rare safe
""")

NOUNS: Final = _words("""
fuse cable sensor fan pump valve motor battery filter board plug socket switch button panel screen lens belt gear
bearing spring seal hose pipe tank tray drawer lid door hinge handle wheel roller drum brush nozzle heater cooler coil
relay magnet antenna signal port slot card chip disk memory clock timer driver firmware cache file folder record table
index token key lock badge code rule policy limit quota budget plan ticket report log queue channel frame block bridge
tower roof floor wall window garden river forest stone sand water oil gas air steam power voltage current pressure flow
level speed load weight heat sound link path route node host server client module unit cell rack shelf box bag cart
truck boat train paper ink toner glass metal rubber plastic wood cotton sugar salt bread apple lemon coffee tea milk
rice soup adapter charger cord wire circuit breaker resistor capacitor transistor connector terminal bracket screw bolt
nut washer gasket piston shaft rotor blade propeller impeller compressor condenser thermostat gauge meter probe camera
speaker microphone display keyboard mouse cartridge ribbon platen scanner laser mirror bulb lamp led fluid coolant
refrigerant lubricant grease dust debris rust leak spill crack dent scratch noise vibration alignment calibration
temperature humidity moisture temperature frequency bandwidth latency packet address domain certificate password
username account profile session cookie browser page form field column row cell sheet chart image photo video document
message email calendar contact group team office branch store warehouse region country city street building room desk
chair shift holiday salary invoice payment refund receipt discount price tax fee charge credit debit bank transfer order
package parcel shipment delivery courier customs label barcode sticker stamp envelope backup restore update upgrade
patch version release build script program application software hardware network router modem gateway firewall proxy
license licence subscription contract agreement warranty permission access role user admin owner manager agent customer
supplier vendor partner engineer technician operator driver interface protocol setting option mode setup service
process thread task job request response query database schema error fault failure crash reset restart loop timeout
""")

VERBS: Final = _words("""
replace clean reset restart tighten loosen check swap refill drain open close update reinstall remove reseat adjust
rotate align calibrate inspect lubricate disable enable unlock charge reload rebuild clear rename restore upgrade test
dry cool warm seal repair move lift press hold turn push pull cut install uninstall connect disconnect reconnect plug
unplug empty flush bleed renew extend reduce increase lower raise shorten reboot format scan delete export import
resend resubmit approve cancel change configure verify confirm order print refresh revoke rerun stop start wipe wash
polish grease oil vent purge secure shield mount unmount detach attach insert eject recharge reprogram escalate contact
""")

LABELS: Final = _words("""
cause fix reason action status owner issue step color size place price type part risk level origin remedy source note
area team result effect use problem solution fault repair name rank season metal sign trigger response state cure
meaning advice material grade zone shape symptom diagnosis treatment category priority severity resolution
explanation contact department location date deadline duration limit fee plan version model unit code reference
""")

KINDS: Final = _words("""
router modem printer pump scanner camera drone kettle oven boiler lift gate door crane truck meter sensor server switch
phone tablet laptop watch radio speaker heater cooler fan mixer lamp robot reader terminal drive engine mill press town
tree bird fish club shop hotel freezer dryer washer blender toaster grinder elevator turbine generator inverter charger
monitor projector keyboard controller thermostat dispenser conveyor forklift trailer tractor bicycle scooter app portal
plan account module service device machine system unit product board panel display gateway bridge console
""")

TOPICS: Final[dict[str, tuple[str, ...]]] = {
    topic: tuple(_words(words))
    for topic, words in {
        "billing": "invoice charge refund payment bill price discount tax receipt credit card subscription fee "
        "charged twice overpaid billed balance bank transfer",
        "network": "wifi internet connection router signal offline slow latency vpn disconnected dns cable bandwidth "
        "drops network ping wireless",
        "account": "password login account username locked reset email profile signin forgot access verify "
        "authentication code register",
        "shipping": "package delivery parcel courier shipment tracking arrived late address warehouse lost box "
        "delivered shipped customs",
        "hardware": "screen cracked battery broken fan keyboard noise overheating charger hinge dead smoke display "
        "damaged button",
        "software": "update install crash app bug freezes version driver error program window startup download plugin "
        "settings",
        "security": "virus phishing hacked suspicious malware stolen breach spam fraud attack leaked threat scam "
        "intruder",
        "hiring": "interview candidate resume salary contract vacation holiday manager onboarding payroll training "
        "employee job offer leave",
        "food": "soup bread kitchen recipe lemon sugar coffee cake dinner rice salad cook taste menu",
        "travel": "flight hotel train ticket passport airport luggage booking seat taxi trip visa road beach",
    }.items()
}

QUALIFIERS: Final = _words(
    "known usual likely common main first official reported recommended suggested typical probable possible simple "
    "quick standard best proper correct listed documented expected required"
)

FUNCTION_WORDS: Final = _words("""
the a an of to and in is it you that he was for on are with as his they be at one have this from or had by but some what
there we can out other were all your when up use how said each she which do their time if will way about many then them
would write like so these her make thing see him two has look more day could go come did my no most who over call people
may down side been now find any work take get after back only good me our under very not too near behind before because
please should here explain tell need info help its again goes went came got today yesterday monday week month hour since
every where why does just still also else anything something someone nothing question answer context passage note doc
input output agent ask reply entry case item alarm code system field data give show shows means meaning seen noted
always never until while during without within between per than such same next last step instruction instructions format
house style keep follow exactly given words word sentence text below above using based follow according
""")

PLAIN_WORDS: Final = [word for word in [*ADJECTIVES, *NOUNS, *VERBS, *KINDS] if word not in LABELS]
"""Content words that cannot be mistaken for the label of a field."""

_ONSETS: Final = _words("b c d f g h j k l m n p r s t v w z br cr dr fl gr kl pl pr sk sl st tr th sh ch qu")
_VOWELS: Final = _words("a e i o u ai ea io ou")
_ENDINGS: Final = ["", *_words("n r s x l m t k nd rt ck ll ra lo is us on ex or er ing al ant")]


def lexicon() -> list[str]:
    """Every ordinary word once, in the order of the lists."""
    topics = [word for words in TOPICS.values() for word in words]
    return list(
        dict.fromkeys(
            [*ADJECTIVES, *NOUNS, *VERBS, *LABELS, *KINDS, *QUALIFIERS, *topics, *TOPICS, *FUNCTION_WORDS]
        )
    )


def made_up_word(rng: random.Random) -> str:
    """A pronounceable word in lower case that is in no list, so the tokenizer splits it.

    One in three is a blend of two real words: its pieces are those of English words the lexicon lacks.
    """
    if rng.random() < 0.35:
        head, tail = rng.choice(NOUNS + VERBS), rng.choice(NOUNS + ADJECTIVES)
        return head[: rng.randint(2, 4)] + tail[-rng.randint(2, 5) :]
    syllables = rng.choice((1, 1, 2, 2, 3))
    stem = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(syllables))
    return stem + rng.choice(_ENDINGS)


def made_up_name(rng: random.Random) -> str:
    """A capitalised product or person name: mostly made up, sometimes a word from the lists."""
    if rng.random() < 0.15:
        return rng.choice(NOUNS + ADJECTIVES).capitalize()
    return made_up_word(rng).capitalize()
