"""One-time codes: found in many languages, and not seen in years, prices and order numbers."""

from __future__ import annotations

import pytest
from inbox.mails import captured, lines

from smtp_lab.inbox.codes import codes_in

CODES = {
    "Your verification code is 123456": "123456",
    "123456 is your verification code": "123456",
    "G-482913 is your Example verification code.": "482913",
    "Use code: 992-114 to sign in": "992114",
    "Your one-time passcode\n\n472913\n\nIt expires in 10 minutes.": "472913",
    "Enter this code to confirm: AB12-9XYZ": "AB129XYZ",
    "Your security code is ABX7Q2": "ABX7Q2",
    "Your OTP is 2024": "2024",
    "PIN: 1999": "1999",
    "Your login code:\n\n    4 8 2\n    448 213\n": "448213",
    "Ihr Bestätigungscode lautet: 4821": "4821",
    "Ihre TAN lautet 482113": "482113",
    "Votre code de vérification est 774411.": "774411",
    "Su código de verificación es 5521": "5521",
    "Seu código de segurança: 118822": "118822",
    "Il tuo codice di verifica è 330912": "330912",
    "Je verificatiecode is 118273": "118273",
    "Din engångskod är 4471": "4471",
    "Din bekræftelseskode er 99120": "99120",
    "Vahvistuskoodi: 448120": "448120",
    "Twój kod weryfikacyjny: 820174": "820174",
    "Ověřovací kód: 551204": "551204",
    "Doğrulama kodunuz: 551122": "551122",
    "Ваш код подтверждения: 6712": "6712",
    "Код для входа 918273. Никому его не сообщайте": "918273",
    "Ваш код підтвердження: 551204": "551204",
    "Ο κωδικός επαλήθευσης είναι 778899": "778899",
    "קוד האימות שלך הוא 771234": "771234",
    "رمز التحقق الخاص بك هو 228811": "228811",
    "आपका सत्यापन कोड 448812 है": "448812",
    "Kode verifikasi Anda: 909182": "909182",
    "Mã xác minh của bạn là 661122": "661122",
    "รหัสยืนยันของคุณคือ 553311": "553311",
    "您的验证码是123456,请在5分钟内使用": "123456",
    "您的驗證碼為 654321": "654321",
    "認証コードは 491823 です": "491823",
    "認証番号：491823": "491823",
    "Your code is *123456*.": "123456",
    "Your code is **123456**": "123456",
    "Your code is _123456_": "123456",
    'Your code is "123456"': "123456",
    "Ihr Code lautet „123456“": "123456",
    "認証コード：１２３４５６": "123456",
    "Your verification code is １２３４５６": "123456",
    "Use 839201 to sign in": "839201",
    "Enter 839201 to verify your account": "839201",
    "482913 is your code": "482913",
    "482913 ist Ihr Code": "482913",
    "Your login code: AB3-9KX": "AB39KX",
    "Your Slack code is ABC-DEF": "ABCDEF",
    "Your confirmation code:\n\nWDJB-MJHT\n": "WDJBMJHT",
    "Your code is 4 8 2 9 1 3": "482913",
    "Here is your verification code. It is 123456.": "123456",
    "Your PIN code is 560001": "560001",
    "Ihre Tan lautet 482114": "482114",
    "인증번호 [382910]를 입력하세요": "382910",
}
NONE = [
    "Copyright 2026 Example Ltd",
    "Copyright 2026. Your verification is done.",
    "Order number 48213 has shipped",
    "Your order 123456 is ready",
    "Bestellnummer 123456",
    "Total: 1234 EUR",
    "Total: $4821",
    "Price 1,234.00",
    "Summe: 1234,50 €",
    "Call +1 555 0134 or 0800 123456",
    "Tel: 030 123456",
    "Invoice 202611",
    "Verification of invoice 882211 done",
    "Use promo code SAVE2026 at checkout",
    "Gutscheincode: HERBST25",
    "Rabattcode 2026",
    "The meeting is on 2026-11-21 at 1430",
    "Room 1234",
    "12345 Springfield",
    "zip code 90210",
    "Ticket 774411 was closed",
    "Kundennummer: 4711 0815",
    "IBAN DE89 3704 0044 0532 0130 00",
    "Error code: 5021 occurred",
    "Your code of conduct 2026",
    "In 2024 we wrote 1234 lines of code",
    "http://example.com/verification/123456",
    "Tracking code 1Z9993",
    "version 4.5.1234",
    "Confirmation number: 8812QX",
    "Your password was changed at 1430 on 21112026",
    "#a1b2c3 is a color code",
    "Your verification code has been sent to the phone ending in 4821",
    "Ihre TAN wurde an die Nummer gesandt, sie endet auf 4821",
    "Your one-time code expires in 1000 seconds",
    "Enter the verification code. Example Inc, 1600 Amphitheatre Parkway",
    "Call us: 555-1234 for verification",
    "Thank you for the verification, your member ID is 88441122",
    "After verification: Bengaluru, PIN code 560001",
    "Tan 2026 collection",
    "Tan 482113 collection",
    "After verification this offer is READ-ONLY and ALL-NEW",
    "Code name: FIVE-STAR",
    "482913 is your order code",
]


@pytest.mark.parametrize(("text", "code"), CODES.items(), ids=CODES)
def test_a_code_is_found(text, code):
    """The likeliest code of a mail is that which is meant."""
    assert codes_in(text)[0].code == code


@pytest.mark.parametrize("text", NONE)
def test_a_number_is_no_code(text):
    """Years, prices, addresses, order and telephone numbers are not taken for codes."""
    assert codes_in(text) == []


def test_the_subject_and_html_are_looked_through():
    """A code in the subject counts, and HTML is read where there is no text."""
    raw = lines(
        "Subject: 482913 is your code", "Content-Type: text/html", "", "<p>Code:<b>482913</b></p>"
    )
    (found,) = captured(raw).codes
    assert (found.code, found.context) in [
        ("482913", "482913 is your code"),
        ("482913", "Code:482913"),
    ]


def test_many_numbers_take_no_time():
    """However many numbers a mail holds, there is a bound."""
    assert len(codes_in("code 123456 " * 100_000)) == 1
    assert len(codes_in("\n".join(f"code: {n:06d}" for n in range(5000)))) == 20
