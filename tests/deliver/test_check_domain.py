"""What the DNS says of a sender's domain, asked of a real DNS server."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from deliver.dns_server import DnsServer
from deliver.servers import Server, certificate, polite, profile
from hypothesis import given
from hypothesis import strategies as st

import smtp_lab as lab
from smtp_lab import InputError
from smtp_lab.domain import questions
from smtp_lab.domain.dkim import read_key
from smtp_lab.domain.questions import tags_of

DOMAIN = "example.com"


def der(key):
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def rsa_key(bits):
    return b64encode(der(rsa.generate_private_key(65537, bits))).decode()


def edwards_key():
    raw = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    return b64encode(raw).decode()


GOOD = {
    (DOMAIN, "MX"): ["10 mx2.example.com.", "5 mx.example.com."],
    ("mx.example.com", "A"): ["192.0.2.1"],
    (DOMAIN, "TXT"): ["site-verification=x", "v=spf1 include:_spf.example.net mx -all"],
    ("_spf.example.net", "TXT"): ["v=spf1 ip4:192.0.2.0/24 a:out.example.net ~all"],
    (f"_dmarc.{DOMAIN}", "TXT"): ["v=DMARC1; p=reject; rua=mailto:dmarc@example.com"],
}


def check(records, domain=DOMAIN, **more):
    """The checkup of *domain* with *records* beside the good ones, and what was asked."""
    with DnsServer(GOOD | records) as server:
        return lab.check_domain(domain, resolver=server.resolver, **more), server.asked


def spf_of(record):
    checkup, _ = check({(DOMAIN, "TXT"): [record]})
    return checkup["spf"]


def dmarc_of(records, domain=DOMAIN, **more):
    gone = {(f"_dmarc.{DOMAIN}", "TXT"): []}
    checkup, asked = check(gone | records, domain, **more)
    return checkup["dmarc"], [q for q in asked if "_dmarc" in q]


def ids(stage):
    return [advice.id for advice in stage.advice]


class TestAll:
    def test_a_domain_in_order(self):
        """MX, SPF and DMARC pass, and without a selector DKIM is skipped."""
        checkup, _ = check({})
        assert [(s.name, s.state) for s in checkup] == [
            ("mx", "passed"),
            ("spf", "passed"),
            ("dkim", "skipped"),
            ("dmarc", "passed"),
        ]
        assert checkup.ok
        assert checkup.sentence.startswith("example.com passed 3 stages in ")
        assert "sent" not in checkup.sentence
        assert json.loads(json.dumps(checkup.to_dict()))["stages"][1]["facts"]["ends in"] == (
            "-all: everyone else is refused"
        )
        assert checkup.to_frame()["stage"].tolist() == ["mx", "spf", "dkim", "dmarc"]

    def test_a_name_that_is_none(self):
        """A typing error is told from a domain without records, and nothing is to be published."""
        checkup, _ = check({}, "exmaple.org")
        assert checkup["mx"].sentence == (
            "There is no such domain as exmaple.org in the DNS; look for a typing error."
        )
        assert [s.state for s in checkup] == ["failed", "skipped", "skipped", "skipped"]
        assert not any(stage.advice for stage in checkup)

    def test_a_name_with_nothing_but_text(self):
        """It is there, though it takes no mail."""
        checkup, _ = check({("text.example.org", "TXT"): ["v=spf1 -all"]}, "text.example.org")
        assert "neither MX nor address" in checkup["mx"].sentence
        assert checkup["spf"].state == "passed"

    def test_an_address_stands_for_its_domain(self):
        """One may give the address; case and a dot at the end do not matter."""
        checkup, asked = check({}, "Ann@EXAMPLE.com.")
        assert checkup.subject == DOMAIN
        assert asked[0] == "MX example.com"

    def test_a_domain_in_other_letters(self):
        """It is asked for as DNS writes it."""
        _, asked = check({}, "bücher.example")
        assert asked[0] == "MX xn--bcher-kva.example"

    @pytest.mark.parametrize(
        "bad",
        ["", "192.0.2.1", "[192.0.2.1]", "a b.example", "-.example", "x\ny.example", "é" * 70],
    )
    def test_what_is_no_domain(self, bad):
        """It is refused before anything is asked."""
        with pytest.raises(InputError, match=r"domain: .* (is no domain|is an address)"):
            lab.check_domain(bad)

    def test_dns_that_fails(self):
        """A server that fails is told from a record that is not there."""
        checkup, _ = check({(DOMAIN, "TXT"): "SERVFAIL", (DOMAIN, "MX"): "REFUSED"})
        assert (checkup["mx"].state, checkup["spf"].state) == ("failed", "failed")
        assert "DNS gave no answer for example.com TXT" in checkup["spf"].sentence
        assert checkup["dmarc"].state == "passed"

    def test_dns_that_is_silent(self, monkeypatch):
        """Silence ends in bounded time, for each question and for all."""
        monkeypatch.setattr(questions, "_EACH", 0.2)
        monkeypatch.setattr(questions, "_ALL", 0.3)
        silent = {key: None for key in GOOD if key[0] in (DOMAIN, f"_dmarc.{DOMAIN}")}
        checkup, asked = check(silent)
        assert {s.state for s in checkup} == {"failed", "skipped"}
        assert "long enough" in checkup["dmarc"].sentence
        assert len(asked) < 10

    def test_hostile_records_are_shown_as_text(self):
        """Markup, control characters and bytes that are no text do no harm."""
        evil = b"<script>alert(1)</script>\x1b[2J\xff\xfe\xe2\x80\xae"
        records = {
            (DOMAIN, "TXT"): [b"v=spf1 " + evil],
            (f"_dmarc.{DOMAIN}", "TXT"): [b"v=DMARC1; p=" + evil],
            ("x._domainkey.example.com", "TXT"): [b"v=DKIM1; k=" + evil],
        }
        checkup, _ = check(records, dkim_selector="x")
        html = checkup._repr_html_()
        assert "<script" not in html
        assert "&lt;script&gt;" in html
        for text in (str(checkup), repr(checkup), html):
            assert not {"\x1b", "\u202e"} & set(text)

    def test_with_the_doctor(self):
        """dns=True adds these stages to those of the connection."""
        with Server(polite(tls=certificate())) as server, DnsServer(GOOD) as names:
            checkup = lab.doctor(
                profile(server), dns=True, dkim_selector="x", resolver=names.resolver
            )
        assert [s.name for s in checkup.stages[-4:]] == ["mx", "spf", "dkim", "dmarc"]
        assert checkup["rcpt"].state == "passed"
        assert checkup.failed_at == "dkim"
        assert "TXT x._domainkey.example.com" in names.asked


class TestMx:
    def test_the_best_one_is_named(self):
        """Mail goes to the host with the lowest preference."""
        stage = check({})[0]["mx"]
        assert stage.sentence == "Mail to example.com goes to mx.example.com."
        assert stage.facts["MX"] == "mx.example.com, mx2.example.com"

    def test_a_null_mx(self):
        """A lone dot says that no mail is taken (RFC 7505)."""
        stage = check({(DOMAIN, "MX"): ["0 ."]})[0]["mx"]
        assert stage.state == "failed"
        assert "null MX" in stage.sentence

    def test_an_address_stands_in(self):
        """Without MX the address of the domain takes mail (RFC 5321 section 5.1)."""
        stage = check({(DOMAIN, "MX"): [], (DOMAIN, "A"): ["192.0.2.1"]})[0]["mx"]
        assert (stage.state, ids(stage)) == ("warned", ["no_mx"])

    def test_neither(self):
        """With neither no answer ever arrives."""
        stage = check({(DOMAIN, "MX"): []})[0]["mx"]
        assert stage.state == "failed"
        assert "neither MX nor address" in stage.sentence

    def test_an_mx_without_an_address(self):
        """An MX that leads nowhere is named."""
        stage = check({("mx.example.com", "A"): []})[0]["mx"]
        assert stage.state == "failed"
        assert "its MX mx.example.com has no address" in stage.sentence


class TestSpf:
    def test_includes_are_followed_and_counted(self):
        """Terms that ask DNS are counted through all includes; the end is the record's own."""
        stage = check({})[0]["spf"]
        assert stage.facts["questions"] == "3 of 10"
        assert stage.facts["includes"] == "_spf.example.net"
        assert stage.facts["ends in"].startswith("-all")

    @pytest.mark.parametrize("record", ["site=x", "v=spf10 -all", "x v=spf1 -all"])
    def test_no_record(self, record):
        """What only looks like an SPF record is none."""
        stage = spf_of(record)
        assert (stage.state, ids(stage)) == ("warned", ["no_spf"])

    def test_two_records(self):
        """With two records neither counts (RFC 7208 section 4.5)."""
        checkup, _ = check({(DOMAIN, "TXT"): ["v=spf1 -all", "V=SPF1 mx ~all"]})
        assert checkup["spf"].state == "failed"
        assert "2 SPF records" in checkup["spf"].sentence

    @pytest.mark.parametrize(
        ("end", "state"),
        [
            ("-all", "passed"),
            ("~ALL", "passed"),
            ("?all", "warned"),
            ("+all", "warned"),
            ("all", "warned"),
            ("ip4:192.0.2.1", "warned"),
        ],
    )
    def test_how_it_ends(self, end, state):
        """A record that lets everyone send, or says nothing of the others, protects nobody."""
        stage = spf_of(f"v=spf1 mx {end}")
        assert stage.state == state
        assert ids(stage) == (["spf_open"] if state == "warned" else [])

    def test_a_redirect_ends_it(self):
        """redirect= takes the other record's end."""
        stage = spf_of("v=spf1 redirect=_r.example.com")
        assert stage.state == "failed"
        assert "_r.example.com has no SPF record" in stage.sentence
        records = {
            (DOMAIN, "TXT"): ["v=spf1 redirect=_r.example.com"],
            ("_r.example.com", "TXT"): ["v=spf1 a -all"],
        }
        stage = check(records)[0]["spf"]
        assert stage.state == "passed"
        assert stage.facts["questions"] == "2 of 10"

    def test_ten_questions_are_enough(self):
        """Ten are fine and eleven are an error, wherever they stand."""
        assert spf_of("v=spf1 " + "a " * 10 + "-all").state == "passed"
        stage = spf_of("v=spf1 " + "a " * 11 + "-all")
        assert stage.state == "failed"
        assert "more than 10 questions" in stage.sentence

    def test_a_loop_comes_to_an_end(self):
        """Records that include one another are an error, after few questions."""
        records = {
            (DOMAIN, "TXT"): ["v=spf1 include:b.example.com -all"],
            ("b.example.com", "TXT"): ["v=spf1 include:example.com include:b.example.com -all"],
        }
        checkup, asked = check(records)
        assert "more than 10 questions" in checkup["spf"].sentence
        assert len(asked) < 15

    @pytest.mark.parametrize(
        ("term", "wrong"),
        [
            ("ipv4:192.0.2.1", "'ipv4' is no mechanism"),
            ("include:", "names no domain"),
            ("192.0.2.1", "'192.0.2.1' is no term"),
            ("include:gone.example.com", "gone.example.com has no SPF record"),
        ],
    )
    def test_what_spoils_it(self, term, wrong):
        """One wrong term and the whole record counts for nothing."""
        stage = spf_of(f"v=spf1 {term} -all")
        assert stage.state == "failed"
        assert wrong in stage.sentence

    def test_what_is_odd(self):
        """ptr is discouraged; a macro is not followed; what comes behind all is not looked at."""
        stage = spf_of("v=spf1 ptr include:%{d}.example.net exp=x.example.com -all nonsense!")
        assert stage.state == "passed"
        assert ids(stage) == ["spf_ptr", "spf_macro"]


class TestDkim:
    def key_of(self, record):
        records = {("s1._domainkey.example.com", "TXT"): [record]}
        return check(records, dkim_selector="s1")[0]["dkim"]

    @pytest.mark.parametrize("bits", [2048, 1024])
    def test_the_length_of_a_key(self, bits):
        """2048 bits are fine, 1024 are short (RFC 8301)."""
        stage = self.key_of(f"v=DKIM1; k=rsa; p={rsa_key(bits)}")
        assert stage.facts["bits"] == str(bits)
        assert (stage.state, ids(stage)) == (
            ("passed", []) if bits == 2048 else ("warned", ["dkim_short"])
        )

    def test_an_edwards_key(self):
        """Keys of RFC 8463 are known."""
        stage = self.key_of(f"v=DKIM1; k=ed25519; p={edwards_key()}")
        assert stage.state == "passed"
        assert "256 bits (ed25519)" in stage.sentence

    @pytest.mark.parametrize(
        ("record", "wrong"),
        [
            ("v=DKIM1; p=", "was taken back"),
            ("v=DKIM2; p=x", "version is not DKIM1"),
            ("v=DKIM1", "holds no p="),
            ("k=dsa; p=x", "of a kind nobody knows"),
            ("v=DKIM1; h=sha1; p=x", "forbids sha256"),
            ("p=!!!", "is no key"),
            ("p=" + b64encode(b"no key at all").decode(), "is no key"),
            ("k=ed25519; p=" + b64encode(b"short").decode(), "is no key"),
        ],
    )
    def test_keys_of_no_use(self, record, wrong):
        """Each is told what is wrong with it."""
        stage = self.key_of(record)
        assert stage.state == "failed"
        assert wrong in stage.sentence

    def test_a_key_that_only_tries(self):
        """t=y is noted."""
        assert ids(self.key_of(f"k=rsa; t=s:y; p={rsa_key(2048)}")) == ["dkim_testing"]

    def test_no_such_selector(self):
        """Where nothing stands, the way to the right selector is shown."""
        stage = check({}, dkim_selector="nope")[0]["dkim"]
        assert stage.state == "failed"
        assert "nope._domainkey.example.com" in stage.sentence

    def test_a_short_key_counts_for_nothing(self):
        """Under 1024 bits a verifier takes the signature for none (RFC 8301)."""
        # A modulus of 512 bits; libraries make no such keys any more.
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

        try:
            key = RSAPublicNumbers(65537, 2**511 + 111).public_key()
        except ValueError:
            pytest.fail("the library refuses to hold a short key; use a fixed record instead")
        raw = key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        stage = self.key_of(f"p={b64encode(raw).decode()}")
        assert stage.state == "failed"
        assert "512 bits are too short" in stage.sentence

    @pytest.mark.parametrize("bad", ["", "a b", "a..b", "é", "a/b", "x" * 64])
    def test_what_is_no_selector(self, bad):
        """It is refused before anything is asked."""
        with pytest.raises(InputError, match="is no selector"):
            lab.check_domain(DOMAIN, dkim_selector=bad)

    @given(st.text())
    def test_whatever_stands_there(self, record):
        """No record stops the reading."""
        key = read_key(record)
        assert key.problem or key.revoked or key.bits


class TestDmarc:
    def test_none_at_all(self):
        """Without a record up to the top level there is a warning."""
        there = {("a.b.example.com", "A"): ["192.0.2.1"]}
        stage, asked = dmarc_of(there, "a.b.example.com")
        assert (stage.state, ids(stage)) == ("warned", ["no_dmarc"])
        walked = ["a.b.example.com", "b.example.com", "example.com", "com"]
        assert asked == [f"TXT _dmarc.{name}" for name in walked]

    def test_it_is_inherited(self):
        """A domain without a record has that of its organization, with the policy for subdomains."""
        records = {(f"_dmarc.{DOMAIN}", "TXT"): ["v=DMARC1; p=reject; sp=quarantine; rua=x"]}
        stage, _ = dmarc_of(records, "news.example.com")
        assert stage.sentence == (
            "The DMARC policy of news.example.com is quarantine, inherited from example.com."
        )

    def test_a_long_name_is_cut(self):
        """Of a name of many labels the last seven are walked (RFC 9989 section 4.10)."""
        name = ".".join("abcdefghij") + ".example.com"
        _, asked = dmarc_of({}, name)
        assert len(asked) == 8
        assert asked[1] == "TXT _dmarc.f.g.h.i.j.example.com"

    def test_a_public_suffix_says_so(self):
        """psd=y makes the name below it the organization's, whose own record is looked for."""
        records = {
            ("_dmarc.co.example", "TXT"): ["v=DMARC1; p=none; psd=y; rua=x"],
            ("_dmarc.shop.co.example", "TXT"): ["v=DMARC1; p=reject; rua=x"],
        }
        stage, _ = dmarc_of(records, "mail.shop.co.example")
        assert stage.facts["stands at"] == "_dmarc.shop.co.example"
        stage, _ = dmarc_of(records, "mail.other.co.example")
        assert stage.facts["stands at"] == "_dmarc.co.example"

    def test_an_organization_says_so(self):
        """psd=n ends the walk."""
        records = {
            ("_dmarc.dept.example.com", "TXT"): ["v=DMARC1; p=reject; psd=n; rua=x"],
            (f"_dmarc.{DOMAIN}", "TXT"): ["v=DMARC1; p=none; rua=x"],
        }
        stage, asked = dmarc_of(records, "a.dept.example.com")
        assert stage.facts["stands at"] == "_dmarc.dept.example.com"
        assert "TXT _dmarc.example.com" not in asked

    def test_two_records(self):
        """With two records neither counts."""
        records = {(f"_dmarc.{DOMAIN}", "TXT"): ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}
        stage, _ = dmarc_of(records)
        assert stage.state == "failed"
        assert "2 DMARC records" in stage.sentence

    @pytest.mark.parametrize(
        ("record", "state", "wanted"),
        [
            ("v=DMARC1; p=reject; rua=mailto:a@example.com", "passed", []),
            ("v=DMARC1;p=none;rua=mailto:a@example.com", "passed", ["dmarc_watching"]),
            ("v=DMARC1; p=quarantine", "passed", ["dmarc_silent"]),
            ("v=DMARC1; p=reject; t=y; rua=x", "passed", ["dmarc_watching"]),
            ("v=DMARC1; p=reject; pct=50; rua=x", "passed", ["dmarc_old"]),
            ("v=DMARC1; p=refuse; rua=x", "warned", ["dmarc_policy"]),
            ("v=DMARC1; rua=x", "warned", ["dmarc_policy"]),
            ("v=dmarc1; p=reject", "warned", ["no_dmarc"]),
            ("p=reject; v=DMARC1", "warned", ["no_dmarc"]),
        ],
    )
    def test_what_a_record_says(self, record, state, wanted):
        """A record is read as RFC 9989 has it."""
        stage, _ = dmarc_of({(f"_dmarc.{DOMAIN}", "TXT"): [record]})
        assert (stage.state, ids(stage)) == (state, wanted)

    @pytest.mark.parametrize(
        ("login", "tags", "fits"),
        [
            ("example.com", "", True),
            ("mail.example.com", "", True),
            ("mail.example.com", "adkim=s; aspf=s; ", False),
            ("example.org", "", False),
        ],
    )
    def test_alignment(self, login, tags, fits):
        """Another domain counts when it is of the same organization, or the same where strict."""
        records = {(f"_dmarc.{DOMAIN}", "TXT"): [f"v=DMARC1; p=reject; {tags}rua=x"]}
        stage, _ = dmarc_of(records, login=login)
        assert ids(stage) == ([] if fits else ["not_aligned_signed", "not_aligned_enveloped"])
        if login != DOMAIN:
            mode = "strict" if tags else "relaxed"
            wanted = f"counts ({mode})" if fits else f"does not count ({mode})"
            assert stage.facts[f"mail signed as {login}"] == wanted

    @given(st.text())
    def test_tags_of_anything(self, record):
        """No record stops the reading of its tags."""
        assert all(name == name.strip() for name in tags_of(record))
