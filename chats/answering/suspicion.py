"""Passages that speak to the assistant instead of to the reader.

A small set of rules, each a thing that text written for people hardly ever says. They find what is meant to be found
by a machine, in many languages and in the usual disguises (invisible characters, letters of other scripts, letters
spelled apart); they are no proof, and a text about such attacks is found too. So nothing is decided by them but what
the settings say: the passage is marked, or left out. What protects the answer is that no passage has any authority
(chats/answering/fencing.py).
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# From this score on a passage is called suspicious. One strong sign is enough, or two weak ones.
THRESHOLD = 0.5
# As much of a passage as is looked at.
_MOST = 20_000


@dataclass(frozen=True, slots=True)
class Suspicion:
    # 0 to 1.
    score: float
    # Names of the rules that were met.
    rules: tuple[str, ...]

    def __bool__(self) -> bool:
        return self.score >= THRESHOLD


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str
    weight: float
    pattern: re.Pattern[str]


def _rule(name: str, weight: float, *alternatives: str) -> _Rule:
    return _Rule(name, weight, re.compile("|".join(f"(?:{a})" for a in alternatives)))


_AI = (
    r"(?:ai|a\.i\.|llm|gpt|chatgpt|claude|gemini|copilot|llama|assistant|assistent\w*|asistente|chat-?bot|"
    r"language model|(?:ki|sprach)-?modell\w*|ki|ia)"
)

# Matched against text in lower case with single spaces. Bounded gaps keep every pattern linear.
_RULES = (
    _rule(
        "override",
        0.9,
        # English, German, Dutch
        r"\b(?:ignore|disregard|forget|override|bypass|neglect|do not follow|don't follow|stop following)\b.{0,30}\b"
        r"(?:previous|prior|above|earlier|preceding|foregoing|your|these|system)\b.{0,25}\b"
        r"(?:instruction|prompt|rule|direction|directive|guideline|guardrail|command)s?\b",
        r"\b(?:ignore|disregard|forget)\b.{0,20}\b(?:all|any|the)\b.{0,20}\b(?:instruction|prompt)s?\b",
        r"\b(?:ignorier\w*|vergiss|vergessen sie|missachte|übergehe?|verwirf|beachte)\b.{0,30}\b"
        r"(?:vorherig|vorig|bisherig|obig|früher|vorangegangen|alle|sämtlich|deine|ihre|system)\w*\b.{0,25}"
        r"(?:anweisung|instruktion|vorgabe|regel|befehl|prompt|richtlinie)",
        r"\b(?:negeer|vergeet)\b.{0,40}\b(?:instructies|aanwijzingen|regels|opdrachten)\b",
        # French, Spanish, Italian, Portuguese, Romanian
        r"\b(?:ignor(?:e|ez|er)|oubli(?:e|ez|er)|ne (?:tiens|tenez) pas compte)\b.{0,40}\b(?:instructions|"
        r"consignes|règles|directives|ordres)\b",
        r"\b(?:ignor[ae]|olvid[ae]|haz caso omiso|hagan? caso omiso|descart[ae])\b.{0,40}\b(?:instrucciones|"
        r"indicaciones|reglas|órdenes|directrices)\b",
        r"\b(?:ignora|ignorate|dimentica|dimenticate|trascura)\b.{0,40}\b(?:istruzioni|indicazioni|regole|"
        r"direttive)\b",
        r"\b(?:ignor[ae]|esqueç?[ae]|desconsider[ae])\b.{0,40}\b(?:instruções|regras|ordens|orientações)\b",
        r"\b(?:ignoră|uită)\b.{0,40}\b(?:instrucțiuni\w*|reguli\w*)",
        # Slavic languages
        r"(?:игнорируй|игнорируйте|забудь|забудьте|не обращай внимания).{0,40}(?:инструкци|указани|правил|команд)",
        r"(?:ігноруй|забудь).{0,40}(?:інструкці|вказівк|правил)",
        r"\b(?:z?ignoruj|zapomnij|pomiń)\b.{0,40}\b(?:instrukcj|poleceni|zasad|wytyczn)\w*",
        r"\b(?:ignoruj|zapomeň)\b.{0,40}\b(?:instrukc|pokyn|pravid)\w*",
        # Chinese, Japanese, Korean
        r"(?:忽略|无视|無視|忘记|忘記|忽視|不要理会|不要遵守|不用管).{0,6}(?:之前|以上|先前|上面|前面|所有|上述|此前|你的|您的).{0,8}(?:指令|指示|说明|說明|提示|规则|規則|命令)",
        r"(?:指示|命令|ルール|規則|プロンプト)(?:を|は|も).{0,8}(?:無視|忘れ|従わな)",
        r"(?:지시|명령|규칙|프롬프트|지침).{0,8}(?:무시|잊|따르지)",
        # Arabic, Persian, Hebrew, Turkish, Hindi, Indonesian, Vietnamese
        r"(?:تجاهل|انس|أهمل).{0,30}(?:التعليمات|الأوامر|القواعد|الإرشادات)",
        r"(?:دستورات|دستورالعمل|قوانین).{0,30}(?:نادیده|فراموش)",
        r"(?:התעלם|התעלמו|שכח).{0,30}(?:ההוראות|הנחיות|הכללים)",
        r"(?:talimat|kural|komut|yönerge)\w*.{0,20}(?:yok say|unut|görmezden gel|dikkate alma)",
        r"(?:निर्देश|नियम|आदेश).{0,20}(?:अनदेखा|नज़रअंदाज़|नजरअंदाज|भूल)",
        r"\b(?:abaikan|lupakan)\b.{0,30}\b(?:instruksi|perintah|aturan)\b",
        r"\b(?:bỏ qua|quên)\b.{0,30}(?:hướng dẫn|chỉ dẫn|quy tắc)",
    ),
    _rule(
        "reveal",
        0.7,
        r"\b(?:reveal|print|show|repeat|output|display|leak|expose|give me|tell me|zeig\w*|verrat\w*|gib|nenn\w*|"
        r"wiederhol\w*|affich\w*|révèl\w*|répèt\w*|muestr\w*|revel\w*|repit\w*|mostr\w*|rivel\w*|"
        r"ripet\w*)\b.{0,40}\b(?:system[ -]?prompt\w*|hidden prompt|system[ -]?(?:message|nachricht|anweisung\w*)|"
        r"(?:initial|hidden|secret|original) instructions|prompt (?:del |de |do )?(?:système|sistema))",
        r"(?:покажи|раскрой|повтори|выведи).{0,30}(?:системн\w+ (?:промпт|инструкц|сообщени|подсказк)|system prompt)",
        r"(?:显示|顯示|透露|重复|輸出|输出|告诉我|泄露).{0,12}(?:系统提示|系統提示|系统指令|system prompt)",
        r"(?:システムプロンプト|시스템 프롬프트).{0,10}(?:表示|教え|出力|公開|보여|알려|출력)",
    ),
    # What chat templates are made of. No person writes it.
    _rule(
        "template",
        0.8,
        r"<\|(?:im_start|im_end|system|user|assistant|end|endoftext|eot_id|start_header_id|end_header_id|"
        r"begin_of_text)\|>",
        r"\[/?inst\]|<</?sys>>|</?(?:start|end)_of_turn>|<\|?(?:channel|message)\|>",
        r"(?:^|\n)### ?(?:system|instruction|response|human|assistant|user|new instructions?) ?(?:prompt|message)?:",
    ),
    _rule(
        "forged fence",
        0.6,
        r"<\s*/?\s*passages?\b",
        r"\bend of (?:the )?(?:passages?|documents?|context|data)\b.{0,30}\b(?:system|instruction)",
    ),
    _rule(
        "addressed",
        0.4,
        rf"\b(?:dear|attention|note to|notice to|message (?:to|for)|instructions? (?:to|for)|important for|hey|"
        rf"hello|hinweis an|anweisung(?:en)? an|nachricht an|note (?:à|pour)|nota para|instrucciones para|"
        rf"istruzioni per|instruções para)\b.{{0,20}}\b{_AI}\b",
        rf"\b(?:if you are|as) (?:an? |the )?(?:{_AI}|large language model)\b.{{0,60}}\b(?:must|should|have to|"
        rf"need to|are required|please|answer|reply|respond|say|write|recommend)\b",
        rf"\bwenn du (?:eine? )?{_AI}\b.{{0,60}}\b(?:musst|sollst|antworte|schreib|sag)",
        r"(?:致|给|給)(?:ai|人工智能|语言模型|助手)|(?:ai|人工知能|言語モデル|アシスタント)(?:への|へ)(?:指示|注意)",
        r"(?:внимание|сообщение|инструкция).{0,10}(?:для ии|языков\w+ модел|ассистент)",
    ),
    _rule(
        "new role",
        0.4,
        r"\byou are (?:now|no longer)\b|\bfrom now on,? you\b|\byour (?:new|real|true|actual) (?:task|role|goal|"
        r"purpose|instructions?|identity|job)\b|\bpretend (?:to be|you are|that you)\b|\bact as (?:an? |"
        r"the )?(?:unrestricted|evil|different|root|admin|dan)\b",
        r"\b(?:du bist|sie sind) (?:jetzt|nun|ab sofort|nicht mehr)\b|\bab (?:jetzt|sofort) (?:bist|wirst|sollst|"
        r"musst) du\b|\bdeine (?:neue|wahre|eigentliche) (?:aufgabe|rolle)\b",
        r"\b(?:tu es|vous êtes) (?:maintenant|désormais)\b|\b(?:ahora eres|a partir de ahora,? (?:eres|debes))\b|"
        r"\b(?:ora sei|d'ora in poi)\b|\b(?:agora (?:você )?é|a partir de agora,? você)\b",
        r"(?:теперь ты|отныне ты)|(?:你现在是|从现在开始,? ?你|你的新任务)|(?:あなたは今から|"
        r"これからあなたは)|(?:지금부터 (?:너|당신)|이제 너)",
        r"\b(?:developer|god|dan|debug|maintenance|sudo) mode\b.{0,20}\b(?:on|enabled|activated|active)\b|"
        r"\bjailbreak\b|\bdo anything now\b",
    ),
    _rule(
        "secrecy",
        0.4,
        r"\b(?:do not|don't|never|must not) (?:tell|mention|reveal|inform|disclose|show|say|"
        r"let)\b.{0,40}\b(?:user|person|human|anyone|this (?:instruction|message|note|text|to)|that you)\b",
        r"\bwithout (?:telling|informing|notifying|asking|mentioning)\b.{0,30}\b(?:user|person|human|anyone|this|"
        r"it)\b",
        r"\b(?:sag|sage|verrate|erwähne|erzähl\w*)\b.{0,30}\b(?:nutzer|benutzer|anwender|niemand\w*|"
        r"nicht)\b.{0,30}\b(?:nichts|nicht|davon|niemand\w*)\b",
        r"\bne (?:dis|dites|mentionne\w*|révèle\w*)\b.{0,30}\b(?:utilisateur|personne)\b|\bno (?:le )?(?:digas|"
        r"menciones|reveles|informes)\b.{0,30}\b(?:usuario|nadie)\b",
        r"(?:не говори|не сообщай|не упоминай).{0,30}(?:пользовател|никому)|"
        r"(?:不要|别|不得)(?:告诉|提及|透露).{0,10}(?:用户|"
        r"任何人)|(?:ユーザー|利用者)(?:に|には).{0,10}(?:言わない|伝えない|知らせない)",
    ),
    _rule(
        "exfiltration",
        0.7,
        r"\b(?:send|post|append|include|attach|encode|embed|upload|forward|leak|transmit|put|add|schick\w*|sende|"
        r"hänge|envoie\w*|envía|invia|envie)\b.{0,80}\b(?:conversation|chat|history|messages?|prompt|password|"
        r"passwords|api keys?|secrets?|credentials?|personal data|documents?|user'?s?|verlauf|passwör\w*|passwort|"
        r"zugangsdaten|historique|mot de passe|contraseña|password dell)\b.{0,80}(?:https?://|\burl\b|\bquery\b|"
        r"@[a-z0-9-]+\.[a-z])",
        r"!\[[^\]\n]{0,80}\]\(https?://[^)\s]{0,200}[?&/=][^)\s]{0,80}(?:\{|\[|%7b|<|\$)",
        r"\b(?:render|display|insert|show|load|fetch|output)\b.{0,30}\b(?:image|markdown|picture|pixel|"
        r"link)\b.{0,60}https?://",
    ),
    _rule(
        "dictated answer",
        0.3,
        r"\b(?:you must|you should|you have to|always|only) (?:respond|answer|reply|say|output|recommend|rate|"
        r"state)\b|\b(?:respond|answer|reply) (?:only )?(?:with|by saying)\b.{0,5}[\"'“„«:]",
        r"\b(?:antworte|antworten sie) (?:nur|immer|ausschließlich)\b|\brépon(?:ds|dez) (?:uniquement|toujours|"
        r"seulement)\b|\bresponde (?:solo|únicamente|siempre)\b|\brispondi (?:solo|sempre)\b|(?:отвечай|"
        r"отвечайте) (?:только|всегда)|(?:只|必须|总是)(?:回答|回复)",
    ),
)
_HIDDEN = 0.6

# Letters of other scripts that look like Latin ones.
_LOOKALIKES = str.maketrans(
    dict(
        # Cyrillic, then Greek and Armenian.
        zip("аеорсухіјѕԁһкмтв", "aeopcyxijsdhkmtb", strict=True),
        **dict(zip("αορνικτυηϲոս", "aopviktunca" + "u", strict=True)),
    )
)
_MIXED = re.compile(r"\w+")
_APART = re.compile(r"\b\w(?:[ .\-_*·]\w){5,}\b")
_TAGS = range(0xE0000, 0xE0080)


def look(text: str) -> Suspicion:
    """How much a passage looks as if it were written for the assistant."""
    text = text[:_MOST]
    versions = list(_readings(text))
    found = {rule.name: rule.weight for rule in _RULES if any(rule.pattern.search(version) for version in versions)}
    if _hides_much(text):
        found["hidden text"] = _HIDDEN
    rest = 1.0
    for weight in found.values():
        rest *= 1 - weight
    return Suspicion(round(1 - rest, 2), tuple(found))


def visible(text: str) -> str:
    """Without what no reader sees: tag characters, zero widths, bidi controls, fillers, other selectors and controls.

    A joiner stays where it is part of the spelling (Persian, the scripts of India) or of an emoji.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c for place, c in enumerate(text) if _is_seen(c, text, place))


def _is_seen(character: str, text: str, place: int) -> bool:
    code = ord(character)
    if code < 0x7F:
        return code >= 0x20 or character in "\n\t"
    if character in "\u200c\u200d":
        before, after = text[place - 1 : place], text[place + 1 : place + 2]
        return all(_may_be_joined(neighbour) for neighbour in (before, after))
    if character in "\u115f\u1160\u3164\uffa0\u2800\u034f" or 0xE0100 <= code <= 0xE01EF:
        return False
    category = unicodedata.category(character)
    if category == "Cf":
        # Signs of Arabic and Syriac that are printed.
        return 0x600 <= code <= 0x605 or character in "\u06dd\u070f\u08e2"
    return category not in {"Cc", "Cs", "Co", "Cn"}


def _may_be_joined(character: str) -> bool:
    return len(character) == 1 and ord(character) > 0x2FF and unicodedata.category(character)[0] in "LMS"


def _readings(text: str) -> Iterator[str]:
    """As a reader sees it, as a machine might read it, and without the disguises."""
    plain = _even(visible(text))
    yield plain
    if hidden := "".join(chr(ord(c) - 0xE0000) for c in text if 0xE0020 <= ord(c) < 0xE007F):
        yield _even(hidden)
    latin = _MIXED.sub(_unmixed, plain)
    if latin != plain:
        yield latin
    together = _APART.sub(lambda found: re.sub(r"[^\w]|_", "", found[0]), plain)
    if together != plain:
        yield together
        # Words spelled apart run into one another.
        yield _joined(plain)


def _even(text: str) -> str:
    """Lower case, single spaces, and a line's beginning only where it matters: before a heading."""
    text = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    return re.sub(r"\s*(\n)\s*(?=#)|\s+", lambda found: found[1] or " ", text)


def _unmixed(found: re.Match[str]) -> str:
    word = found[0]
    return word.translate(_LOOKALIKES) if any(c.isascii() for c in word) and not word.isascii() else word


_RUN_TOGETHER = re.compile(
    r"(?:ignore|disregard|forget)(?:all)?(?:the|your|any)?(?:previous|prior|above|earlier)(?:instructions|prompts|"
    r"rules)"
)


def _joined(text: str) -> str:
    """With the run-together form of the commonest sentence put back into words."""
    squeezed = re.sub(r"[\W_]+", "", text)
    return "ignore previous instructions" if _RUN_TOGETHER.search(squeezed) else ""


def _hides_much(text: str) -> bool:
    tags = sum(ord(c) in _TAGS or 0xE0100 <= ord(c) <= 0xE01EF for c in text)
    zero = sum(c in "\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff" for c in text) if not text.isascii() else 0
    latin = sum(c.isascii() and c.isalpha() for c in text)
    return tags >= 8 or (zero >= 16 and zero * 10 > latin > 0 and zero > len(text) / 20) or "\u202e" in text


def rules() -> Sequence[str]:
    return [*(rule.name for rule in _RULES), "hidden text"]
