"""One-time codes in mail: what someone is asked to type in to log in or to confirm.

A number alone is no code: years, prices, telephone and order numbers are numbers too. One counts
when words around it say what it is, in one of the languages below, or when it stands on a line of
its own in a mail that speaks of a code.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice

__all__ = ("Code", "codes_in")

_TEXT = 50_000  # characters that are looked at
_MOST = 20
_NEAR = 60  # characters between a word and its code
_LINE = 1_000  # characters of a line
_CANDIDATES = 300
_FRAME = " *_:>|.<-–—[]()\"'"


@dataclass(frozen=True)
class Code:
    """A one-time code.

    Attributes:
        code: Without the blanks or dashes it is written with.
        context: The line it stands in.
    """

    code: str
    context: str


# What says that a code is meant: English, German, French, Spanish, Portuguese, Italian, Dutch,
# Danish, Norwegian, Swedish, Finnish, Polish, Czech, Turkish, Russian, Ukrainian, Greek, Hebrew,
# Arabic, Hindi, Indonesian, Vietnamese, Thai, Chinese, Japanese, Korean.
_ALWAYS = re.compile(
    r"one[- ]?time (?:pass|pin|code)|\botp\b|passcode|pass code|2fa|two[- ]factor|"
    r"verif\w* (?:code|number|pin)|verification|(?:security|login|log-in|sign-?in|access|"
    r"authenticat\w+|authorization|activation|confirm\w*|recovery|reset|temporary) (?:code|pin)|"
    r"best[äa]e?tigungs\w*code|verifizierungs\w*|sicherheitscode|anmeldecode|einmal(?:code|passwort|"
    r"kennwort)|aktivierungscode|zugangscode|freischaltcode|(?-i:\bm?TAN\b)|\b(?:ihre|deine) tan\b|"
    r"code (?:de|d['’]) ?(?:v[ée]rification|confirmation|s[ée]curit[ée]|connexion|acc[èe]s|"
    r"validation|activation)|code [àa] usage unique|mot de passe [àa] usage unique|"
    r"c[óo]d(?:igo|ice) (?:de|di) (?:un solo uso|verifica\w*|seguran[çc]a|seguridad|sicurezza|"
    r"confirma\w*|conferma|acc?es\w+|activaci[óo]n|ativa[çc][ãa]o|uso [úu]nico|autentica\w*|"
    r"accesso|attivazione)|contrase[ñn]a de un solo uso|"
    r"verificatiecode|beveiligingscode|bevestigingscode|inlogcode|toegangscode|"
    r"bekr[æe]ftelseskode|bekreftelseskode|engangskode|eng[åa]ngskod|verifieringskod|"
    r"s[äa]kerhetskod|sikkerhedskode|sikkerhetskode|inloggningskod|vahvistuskoodi|"
    r"kertak[äa]ytt\w+|turvakoodi|kod (?:weryfikacyjny|potwierdzaj\w+|bezpiecze\w+|dost[ęe]pu|"
    r"jednorazowy|aktywacyjny)|has[łl]o jednorazowe|ov[ěe][řr]ovac[íi] k[óo]d|jednor[áa]zov\w+|"
    r"do[ğg]rulama kodu|onay kodu|g[üu]venlik kodu|tek kullan[ıi]ml[ıi]k|"
    r"код (?:подтверждения|проверки|доступа|безопасности|активации|авторизации|для входа|"
    r"підтвердження|доступу|перевірки)|одноразов\w+|проверочный код|"
    r"κωδικ[όο]ς? (?:επαλήθευσης|μίας χρήσης|ασφαλείας|επιβεβαίωσης)|"
    r"קוד (?:ה?אימות|חד[- ]פעמי|אבטחה)|רמز (?:التحقق|التأكيد)|رمز (?:التحقق|التأكيد|الأمان|الدخول)|"
    r"सत्यापन कोड|ओटीपी|kode (?:verifikasi|otp|keamanan)|mã (?:xác (?:minh|nhận|thực)|otp)|"
    r"รหัส(?:ยืนยัน|ผ่านแบบใช้ครั้งเดียว| otp)|"
    r"验证码|驗證碼|校验码|动态码|確認碼|认证码|認証コード|確認コード|認証番号|検証コード|"
    r"セキュリティコード|ワンタイム(?:パスワード|コード)|인증 ?(?:번호|코드)|확인 ?코드|보안 ?코드",
    re.IGNORECASE,
)
# What may mean something else too: only right before a code.
_MAYBE = re.compile(
    r"(?:\b(?:code|pin|kod|kode|koodi|k[óo]d|c[óo]digo|codice|κωδικ[όο]ς|kodu|mã)\b|код\w?|"
    r"רמز|رمز|קוד|कोड|รหัส|代码|代碼|コード|코드)\W{0,3}(?:\s*(?:is|ist|est|es|[ée]|è|er|är|on|to|"
    r"lautet|to jest|je|это|:|：|=|는|은|は|是|为|為)){0,2}[\s:：=\-–—*_\"'“”„‘’‚«»「『【\[(]*$",
    re.IGNORECASE,
)
_LABEL = re.compile(r"\b(?:code|pin)\b[\w ]{0,30}:\s*$", re.IGNORECASE)  # "code to sign in: "
# Between what says what it is, and a code that looks like a year.
_IS = re.compile(
    r"\W{0,3}(?:\s*(?:is|ist|lautet|est|es|[ée]|è|er|är|on|to|это)){0,2}[\s:：=–—*_\"'“”„‘’‚«»「『【\[(-]*",
    re.IGNORECASE,
)
# What makes a code of something else: a discount is no login, an order is no login.
_NOT = re.compile(
    r"promo\w*|discount|coupon|voucher|gutschein|rabatt|r[ée]duction|descuento|desconto|sconto|"
    r"kortings?|скидк\w+|промокод|割引|クーポン|优惠|優惠|할인|\bzip\b|postal|post(?:code|leit\w*)|"
    r"\bplz\b|country code|area code|vorwahl|error code|fehlercode|status code|exit code|"
    r"source code|quelltext|product code|item code|tracking|sendungs\w*|invoice|rechnung\w*|"
    r"factur\w+|order (?:no|number|id|code)|order\b|bestell\w*|commande|pedido|ordine|"
    r"customer (?:no|number|id)|kundennummer|ticket|reference|referen\w+|booking|buchung\w*|"
    r"confirmation number|\bdress code|\bcode ?name|\bqr code|\bbar ?code|\bbic\b|\biban\b|"
    r"\bsort code",
    re.IGNORECASE,
)
_CANDIDATE = re.compile(
    r"(?<![A-Za-z0-9.,/#$€£¥%+@&=?-])(?<![A-Za-z0-9]_)(?<![0-9]:)(?:G-)?"
    r"(?:(?P<digits>[0-9]{4,8})|(?P<split>[0-9]{3,4}[ -][0-9]{3,4})|"
    r"(?P<spaced>(?<![0-9] )[0-9](?: [0-9]){3,7}(?! [0-9]))|"
    r"(?P<mixed>(?=[A-Z0-9-]*[0-9])(?=[A-Z0-9-]*[A-Z])"
    r"(?:[A-Z0-9]{4,10}(?:-[A-Z0-9]{3,6})?|[A-Z0-9]{3}-[A-Z0-9]{3,6}))|"
    r"(?P<letters>[A-Z]{3}-[A-Z]{3}|[A-Z]{4}-[A-Z]{4})(?!-))"
    r"(?![A-Za-z0-9%€£¥@/]|_[A-Za-z0-9]|[.,:-][0-9]|"
    r"\s?(?:€|EUR|USD|GBP|CHF|kr|zł|руб|₽|%|円|元|원))"
)
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")
_MONEY = re.compile(r"(?:€|\$|£|¥|₽|EUR|USD|GBP|CHF|kr)\s?$", re.IGNORECASE)
_PHONE = re.compile(
    r"(?:tel|phone|fon|fax|call|anruf\w*|mobil\w*|тел|電話|电话|전화)"
    r"(?: (?:us|me|now|today|at|on|back|number|no))*\W{0,5}[\d ()+/-]*$",
    re.IGNORECASE,
)
# A number that these stand before or behind is another one: the end of the number of a telephone, a
# span of time, what someone is known by, an Indian post code.
_OTHER = re.compile(
    r"(?:\b(?:end(?:s|ing|et)|terminant|termina(?:do|da)?) (?:in|with|on|auf|mit|par|en)|"
    r"尾号[为為]?|"
    r"\b(?:member(?:ship)?|account|user|client|patient|employee|student|case|contract|policy|"
    r"device|serial|card|tax|registration|licen[sc]e|model|mitglieds?|konto|vertrags?)[ -]?"
    r"(?:id|no|number|nr|nummer)\b\W{0,2}(?: ?(?:is|ist|est|es)\b)?)[\W_]{0,4}$",
    re.IGNORECASE,
)
_SPAN = re.compile(
    r" ?(?:sec(?:ond)?s?|min(?:ute)?s?|hours?|days?|sekunden|minuten|stunden|tagen?|secondes|"
    r"heures|jours|segundos|minut[oi]s?|horas|d[ií]as|secondi|giorni|秒|分|時間|日間|小时|小時)\b",
    re.IGNORECASE,
)
_POST = re.compile(r"(?<!your )\bpin ?code[ -]*$", re.IGNORECASE)
# What leads to a code in a sentence that does not say what it is.
_LEADS = re.compile(
    r"(?:\b(?:is|ist|lautet|est|es|enter|use|type|с|это)|[:：=])\W*$", re.IGNORECASE
)
_SENTENCE = re.compile(r"[.!?](?= )|[。！？]")
# "482913 is your code", "use 839201 to sign in"
_YOURS = re.compile(
    r"\W{0,3} ?(?:is|ist|est|es|è|é) (?:your|dein|ihr|votre|ton|tu|su|il tuo|o seu)(?: \w+){0,2}? "
    r"(?:code|pin|c[óo]digo|codice)\b",
    re.IGNORECASE,
)
_USE = re.compile(r"\b(?:use|enter|type)[ \W]{0,4}$", re.IGNORECASE)
_TO_LOG_IN = re.compile(
    r"\W{0,3} ?to (?:sign|log) ?in|\W{0,3} ?to (?:verify|authenticate|confirm your "
    r"(?:e-?mail|account|identity|address|login|sign-?in))\b",
    re.IGNORECASE,
)
# Digits of other scripts, and of wide letters.
_PLAIN = str.maketrans(
    {
        **{
            chr(zero + n): str(n)
            for zero in (0xFF10, 0x660, 0x6F0, 0x966, 0xE50)
            for n in range(10)
        },
        **{chr(0xFF21 + n): chr(0x41 + n) for n in range(26)},
        "－": "-",
    }
)
_LONGER = re.compile(r"^[ \u00a0-][0-9]{2,}|^[ \u00a0]?/")
_BEFORE = re.compile(r"[0-9+)][ \u00a0/-]$")


def codes_in(text: str, subject: str = "", html: str = "") -> list[Code]:
    """The one-time codes in a mail, each once, the likeliest first.

    Args:
        text: What is to be read in the mail.
        subject: Its subject.
        html: What is to be read in its HTML, where that is another text.
    """
    read = [subject, *text[:_TEXT].splitlines(), *html[:_TEXT].splitlines()]
    written = "\n".join(" ".join(line[:_LINE].split()) for line in read)
    whole = written.translate(_PLAIN)  # of the same length
    candidates = islice(_CANDIDATE.finditer(whole), _CANDIDATES)
    first = next(candidates, None)
    if first is None:
        return []
    speaks = cache(lambda: bool(_ALWAYS.search(whole)))  # seldom asked for, and slow
    ranked: dict[str, tuple[int, str]] = {}
    for found in chain([first], candidates):
        begin, end = whole.rfind("\n", 0, found.start()) + 1, whole.find("\n", found.end())
        line = whole[begin : end if end >= 0 else None]
        previous = whole[:begin].rstrip("\n")[-200:].rpartition("\n")[2] if begin else ""
        rank = _rank(line, found.start() - begin, found, previous, speaks)
        code = re.sub(r"[ -]", "", found[0].removeprefix("G-"))
        if rank > ranked.get(code, (0, ""))[0]:
            ranked[code] = rank, written[begin : begin + len(line)][:200]
    best = sorted(ranked.items(), key=lambda item: -item[1][0])[:_MOST]
    return [Code(code, context) for code, (_, context) in best]


def _rank(
    line: str, at: int, found: re.Match[str], previous: str, speaks: Callable[[], bool]
) -> int:
    """How surely *found*, *at* this place of *line*, is a code; 0 for not at all."""
    near, after = line[max(0, at - _NEAR) : at], line[at + len(found[0]) :][:_NEAR]
    if _is_another(found, near, after):
        return 0
    words = found["letters"] is not None  # they may be a word like any
    year = bool(_YEAR.fullmatch(found[0]))
    if not near.strip(_FRAME) and not after.strip(_FRAME):
        if _NOT.search(previous):
            return 0
        about = _ALWAYS.search(previous) or _MAYBE.search(previous)
        return 4 if about else 2 * (not year and not words and speaks())
    rank = 0 if _NOT.search(near) else _rank_within(near, after, year=year)
    return rank if rank == 4 or not words else 0


def _is_another(found: re.Match[str], near: str, after: str) -> bool:
    """Whether what stands before or behind a number says that it is no code."""
    before = (_BEFORE, _MONEY, _PHONE, _OTHER, *([_POST] if len(found[0]) == 6 else []))
    behind = (_LONGER, _SPAN)
    return any(p.search(near) for p in before) or any(p.match(after) for p in behind)


def _rank_within(near: str, after: str, *, year: bool) -> int:
    """How surely what stands between *near* and *after* is a code."""
    told = list(_ALWAYS.finditer(near))
    tight = told and _IS.fullmatch(near, told[-1].end())
    if tight or _MAYBE.search(near) or _LABEL.search(near):
        return 4
    if year:
        return 0
    if told and not _is_apart(near[told[-1].end() :]):
        return 3
    # "123456 is your verification code"
    if _NOT.search(after):
        return 0
    if _YOURS.match(after) or (_USE.search(near) and _TO_LOG_IN.match(after)):
        return 3
    return (1 if near.strip(_FRAME) else 3) if _ALWAYS.search(after) else 0


def _is_apart(between: str) -> bool:
    """Whether another sentence has begun between a word and a number, and it leads to no code."""
    *before, last = _SENTENCE.split(between)
    return bool(before and last.strip(_FRAME) and not _LEADS.search(last))
