"""What is said of a server's certificates, over real TLS, whether or not OpenSSL accepted them."""

from __future__ import annotations

import json
import ssl
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from html.parser import HTMLParser
from ipaddress import ip_address
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from deliver.servers import Server, polite, profile
from support import need

import smtp_lab as lab
from smtp_lab.deliver.certificates import Certificate, Tls

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


class Authority:
    """Signs certificates of any quality, as trustme does not."""

    def __init__(self, name="Lab root", *, parent=None) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.parent = parent
        above = parent or self
        self.cert = (
            self._builder(self.name, above.name, self.key.public_key(), NOW - DAY, NOW + 900 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage(sign=True), critical=True)
            .add_extension(above.identifier(), critical=False)
            .sign(above.key, hashes.SHA256())
        )

    @staticmethod
    def _builder(subject, issuer, key, begin, end):
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )

    def identifier(self):
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())

    def pem(self) -> str:
        return self.cert.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, names=("127.0.0.1",), *, key=None, begin=None, end=None, common="server"):
        """A certificate and its key."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])
        made = self._builder(
            subject, self.name, key.public_key(), begin or NOW - DAY, end or NOW + 90 * DAY
        )
        if names:
            found = [address(name) for name in names]
            made = made.add_extension(x509.SubjectAlternativeName(found), critical=False)
        made = made.add_extension(self.identifier(), critical=False)
        edwards = isinstance(self.key, ed25519.Ed25519PrivateKey)
        return made.sign(self.key, None if edwards else hashes.SHA256()), key


def usage(*, sign):
    others = dict.fromkeys(
        ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
         "key_agreement", "encipher_only", "decipher_only"], False
    )  # fmt: skip
    return x509.KeyUsage(key_cert_sign=sign, crl_sign=sign, **others)


def address(name):
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@cache
def root():
    return Authority()


@pytest.fixture
def ca_file(tmp_path):
    path = tmp_path / "root.pem"
    path.write_text(root().pem(), encoding="ascii")
    return str(path)


@pytest.fixture
def serving(tmp_path):
    """serving(issued, *above) gives a server's context that shows *issued* and those *above*."""

    def make(issued, *above, newest=None):
        made, key = issued
        path = Path(tmp_path) / "server.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + made.public_bytes(serialization.Encoding.PEM)
            + b"".join(each.pem().encode() for each in above)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("ALL:@SECLEVEL=0")  # what a server of long ago may show
        context.load_cert_chain(path)
        if newest:
            context.maximum_version = newest
        return context

    return make


def attempt(context, ca, *, security="starttls", **connection):
    """The server as it ended, and the delivery."""
    script = polite(tls=context, implicit=security == "implicit")
    with Server(script) as server:
        delivery = lab.send_test(
            profile(server, ca_file=ca, security=security, **connection), to="bob@example.org"
        )
    return server, delivery


def said(delivery):
    """The answers, by what they are about."""
    return {verdict.about: verdict.ok for verdict in delivery.tls.verdicts}


def texts(delivery):
    return " ".join(verdict.text for verdict in delivery.tls.verdicts)


class TestAccepted:
    @pytest.mark.parametrize("security", ["starttls", "implicit"])
    @pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_a_good_chain(self, serving, ca_file, security, newest):
        """Version, cipher, chain and four good answers, in the record and in the transcript."""
        between = Authority("Lab intermediate", parent=root())
        issued = between.issue(("127.0.0.1", "mx.example.com"))
        server, delivery = attempt(
            serving(issued, between, newest=newest), ca_file, security=security
        )
        assert delivery.ok
        assert server.connections == 1
        tls = delivery.tls
        assert tls.version == newest.name.replace("_", ".")
        assert tls.cipher
        assert tls.bits >= 128
        assert [c.subject for c in tls.chain] == ["CN=server", "CN=Lab intermediate"]
        assert [c.issuer for c in tls.chain] == ["CN=Lab intermediate", "CN=Lab root"]
        assert said(delivery) == {"trust": True, "name": True, "date": True, "strength": True}
        first, second = tls.chain
        assert set(first.names) == {"127.0.0.1", "mx.example.com"}
        assert (first.key, first.signature, first.self_signed) == ("EC secp256r1", "sha256", False)
        assert first.fingerprint_sha256 == issued[0].fingerprint(hashes.SHA256()).hex()
        assert int(first.serial, 16) == issued[0].serial_number
        assert first.not_before < NOW < first.not_after
        assert second.names == ()
        notes = [line for line in delivery.transcript if line.stage == "tls"]
        assert [line.text for line in notes] == tls.notes
        assert {line.direction for line in notes} == {"*"}
        assert notes[0].text == f"{tls.version} with {tls.cipher}, {tls.bits} bits"

    def test_one_that_ends_soon(self, serving, ca_file):
        """A certificate with few days left is good, and whoever looks after it is warned."""
        issued = root().issue(end=datetime.now(UTC) + timedelta(days=5, hours=1))
        _, delivery = attempt(serving(issued), ca_file)
        assert delivery.ok
        assert said(delivery)["date"] is True
        assert "it expires in 5 days; CN=server should be renewed" in texts(delivery)

    def test_without_tls_there_is_none(self):
        """A plain connection has no record of encryption."""
        with Server(polite()) as server:
            plain = profile(server, security="none", login=False, ca_file=None)
            delivery = lab.send_test(plain, to="bob@example.org")
        assert delivery.ok
        assert delivery.tls is None
        assert delivery.to_dict()["tls"] is None
        assert "Encryption" not in delivery._repr_html_()


def with_sha1(authority, folder):
    """A certificate signed with SHA-1, which Python's library does not make any more."""
    openssl = need("openssl", "apt-get install openssl")
    made, key = authority.issue()
    request = x509.CertificateSigningRequestBuilder().subject_name(made.subject)
    for extension in made.extensions:
        request = request.add_extension(extension.value, critical=extension.critical)
    pem = serialization.Encoding.PEM
    (folder / "ask.pem").write_bytes(request.sign(key, hashes.SHA256()).public_bytes(pem))
    (folder / "above.pem").write_text(authority.pem(), encoding="ascii")
    (folder / "above.key").write_bytes(
        authority.key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    command = [openssl, "x509", "-req", "-sha1", "-days", "30", "-copy_extensions", "copyall"]
    command += ["-in", "ask.pem", "-CA", "above.pem", "-CAkey", "above.key", "-outform", "DER"]
    command += ["-out", "made.der"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    return x509.load_der_x509_certificate((folder / "made.der").read_bytes()), key


class TestRefused:
    """The chain is read from the very handshake that failed; nobody connects a second time."""

    @pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    @pytest.mark.parametrize("security", ["starttls", "implicit"])
    @pytest.mark.parametrize(
        "case",
        [
            pytest.param((
                {"begin": NOW - 9 * DAY, "end": NOW - 2 * DAY}, {},
                {"trust": None, "name": True, "date": False, "strength": True},
                "CN=server expired 2 days ago", "tls_expired"), id="expired"),
            pytest.param((
                {"begin": NOW + 3 * DAY + timedelta(hours=1)}, {},
                {"trust": None, "name": True, "date": False, "strength": True},
                "becomes valid only in 3 days", "tls_not_yet_valid"), id="not yet valid"),
            pytest.param((
                {"names": ("other.example.com",)}, {"host": "localhost"},
                {"trust": None, "name": False, "date": True, "strength": True},
                "not valid for 'localhost'", "tls_hostname_mismatch"), id="wrong host"),
            pytest.param((
                {"names": ("192.0.2.1",)}, {},
                {"trust": None, "name": False, "date": True, "strength": True},
                "not valid for '127.0.0.1'", "tls_ip_mismatch"), id="wrong address"),
        ],
    )  # fmt: skip
    def test_one_thing_is_wrong(self, serving, ca_file, newest, security, case):
        """What is wrong is named, what is right is said as well, and nothing private was said."""
        issue, connection, wanted, words, diagnosis = case
        issued = root().issue(**issue)
        context = serving(issued, newest=newest)
        server, delivery = attempt(context, ca_file, security=security, **connection)
        assert not delivery.ok
        assert delivery.diagnosis.id == diagnosis
        assert delivery.stage == "tls"
        assert said(delivery) == wanted
        assert words in texts(delivery)
        assert [c.subject for c in delivery.tls.chain] == ["CN=server"]
        assert (delivery.tls.version, delivery.tls.cipher, delivery.tls.bits) == ("", "", 0)
        assert words in str(delivery.transcript)
        assert server.connections == 1
        assert "AUTH" not in server.verbs

    def test_an_authority_nobody_knows(self, serving, ca_file):
        """The signer is named, since it is what somebody may want to trust."""
        stranger = Authority("Stranger")
        _, delivery = attempt(serving(stranger.issue()), ca_file)
        assert delivery.diagnosis.id == "tls_unknown_ca"
        assert said(delivery) == {"trust": False, "name": True, "date": True, "strength": True}
        assert "CN=Stranger is not trusted here" in texts(delivery)

    def test_an_authority_nobody_knows_that_is_sent_along(self, serving, ca_file):
        """A root that the server sends is in the chain and still not trusted."""
        stranger = Authority("Stranger")
        _, delivery = attempt(serving(stranger.issue(), stranger), ca_file)
        assert delivery.diagnosis.id == "tls_self_signed_chain"
        assert said(delivery)["trust"] is False
        assert [c.self_signed for c in delivery.tls.chain] == [False, True]

    def test_a_certificate_in_between_is_missing(self, serving, ca_file):
        """A server that leaves out its intermediate is told as that possibility."""
        between = Authority("Lab intermediate", parent=root())
        _, delivery = attempt(serving(between.issue()), ca_file)
        assert delivery.diagnosis.id == "tls_unknown_ca"
        assert "or the server left out who vouches for it" in texts(delivery)
        assert len(delivery.tls.chain) == 1

    def test_one_that_signed_itself(self, serving, ca_file):
        """A self-signed certificate is called that."""
        own = Authority("server")
        own.cert, _ = own.issue(key=own.key)
        _, delivery = attempt(serving((own.cert, own.key)), ca_file)
        assert delivery.diagnosis.id in ("tls_self_signed", "tls_unknown_ca")
        assert delivery.tls.chain[0].self_signed
        assert "signed by itself" in str(delivery.transcript)
        assert said(delivery)["trust"] is False

    def test_a_key_that_is_too_short(self, serving, ca_file):
        """OpenSSL refuses RSA of 1024 bits, and that is what is said."""
        context = serving(root().issue(key=rsa.generate_private_key(65537, 1024)))
        _, delivery = attempt(context, ca_file)
        assert delivery.diagnosis.id == "tls_weak_key"
        assert said(delivery) == {"trust": None, "name": True, "date": True, "strength": False}

    def test_a_signature_of_sha1(self, serving, ca_file, tmp_path):
        """OpenSSL refuses a certificate that was signed with SHA-1, and that is what is said."""
        between = Authority("Lab intermediate", parent=root())
        _, delivery = attempt(serving(with_sha1(between, tmp_path), between), ca_file)
        assert delivery.diagnosis.id == "tls_weak_key"
        assert said(delivery) == {"trust": None, "name": True, "date": True, "strength": False}
        assert "it is signed with SHA1" in texts(delivery)

    def test_another_failure_than_the_certificate(self, serving, ca_file):
        """Without a common version there is no chain, and nothing is said of one."""
        context = serving(root().issue(), newest=ssl.TLSVersion.TLSv1_2)
        _, delivery = attempt(context, ca_file, min_tls="1.3")
        assert delivery.diagnosis.id == "tls_version"
        assert delivery.tls.chain == ()
        assert delivery.tls.verdicts == ()


class TestNotChecked:
    def test_everything_is_read_and_nothing_is_vouched_for(self, serving, ca_file):
        """With verify=False all that is wrong is still said, and trust was not asked for."""
        stranger = Authority("Stranger")
        issued = stranger.issue(("other.example.com",), begin=NOW - 9 * DAY, end=NOW - 2 * DAY)
        _, delivery = attempt(serving(issued), ca_file, verify=False)
        assert delivery.ok
        assert said(delivery) == {"trust": None, "name": False, "date": False, "strength": True}
        assert "certificate NOT checked" in texts(delivery)
        assert "it is not for 127.0.0.1 but for other.example.com" in texts(delivery)

    def test_a_key_that_is_too_short(self, serving, ca_file):
        """RSA of 1024 bits is called too weak."""
        key = rsa.generate_private_key(65537, 1024)
        context = serving(root().issue(key=key))
        _, delivery = attempt(context, ca_file, verify=False, min_tls="1.0")
        assert delivery.tls.chain[0].key == "RSA 1024"
        assert said(delivery)["strength"] is False
        assert "its RSA key of 1024 bits is too short" in texts(delivery)

    @pytest.mark.parametrize(
        ("host", "names", "fits"),
        [
            ("localhost", ("localhost",), True),
            ("localhost", ("LOCALHOST",), True),
            ("localhost", ("*.localhost", "localhost.example.com"), False),
            ("localhost", ("*",), False),
            ("localhost", (), False),
            ("127.0.0.1", ("127.0.0.1",), True),
            ("127.0.0.1", ("127.0.0.2", "localhost"), False),
        ],
    )
    def test_names_as_rfc_9525_has_them(self, serving, ca_file, host, names, fits):
        """A name fits whole, in any case; an address fits an address; the subject does not count."""
        context = serving(root().issue(names, common="localhost"))
        _, delivery = attempt(context, ca_file, host=host, verify=False)
        assert said(delivery)["name"] is fits


def der(issued):
    return issued[0].public_bytes(serialization.Encoding.DER)


class TestReading:
    @pytest.mark.parametrize(
        ("key", "shown"),
        [
            (lambda: rsa.generate_private_key(65537, 2048), "RSA 2048"),
            (lambda: ec.generate_private_key(ec.SECP384R1()), "EC secp384r1"),
            (ed25519.Ed25519PrivateKey.generate, "Ed25519"),
        ],
    )
    def test_the_key(self, key, shown):
        """Kind and size of the key are named."""
        read = Certificate.of(der(root().issue(key=key())))
        assert read.key == shown
        assert read.is_weak == ""

    def test_a_signature_without_a_hash_of_its_own(self):
        """Ed25519 has no separate hash; its algorithm is named by number."""
        authority = Authority("Edwards")
        authority.key = ed25519.Ed25519PrivateKey.generate()
        read = Certificate.of(der(authority.issue()))
        assert read.signature == "1.3.101.112"

    def test_sha1_is_weak_unless_a_root_says_it_of_itself(self):
        """A SHA-1 signature that trust rests on is too weak; that of a root carries nothing."""
        good = Certificate.of(der(root().issue()))
        assert replace(good, signature="sha1").is_weak == "it is signed with SHA1"
        assert replace(good, signature="md5").is_weak == "it is signed with MD5"
        assert replace(good, signature="sha1", self_signed=True).is_weak == ""

    @pytest.mark.parametrize("junk", [b"", b"0", b"\x30\x03\x02\x01\x01", b"no certificate" * 99])
    def test_what_cannot_be_read(self, junk):
        """Junk has a fingerprint and a reason, and raises nothing."""
        read = Certificate.of(junk)
        assert len(read.fingerprint_sha256) == 64
        assert read.unreadable
        assert "cannot be read" in str(read)
        assert json.loads(json.dumps(read.to_dict()))["unreadable"] == read.unreadable

    def test_many_names_are_cut_short_in_text_only(self):
        """A certificate for hundreds of names names the first ones, and keeps all as data."""
        names = tuple(f"host{n}.example.com" for n in range(300))
        read = Certificate.of(der(root().issue(names)))
        assert read.names == names
        assert "and 292 more" in str(read)
        assert "host9.example.com" not in str(read)


HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e"


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


class TestShowing:
    def test_a_hostile_name_is_text(self, serving, ca_file):
        """A subject with markup and escapes is shown as text, printable, everywhere."""
        stranger = Authority(f"Strange {HOSTILE}")
        _, delivery = attempt(serving(stranger.issue(common=HOSTILE)), ca_file)
        assert delivery.tls.chain
        data = json.dumps(delivery.to_dict(), ensure_ascii=False)
        for text in (str(delivery.transcript), str(delivery.tls), data):
            assert "alert(1)" in text
            assert "\x1b" not in text
            assert "u001b" not in text
            assert "\u202e" not in text
        page = Page(delivery._repr_html_())
        assert "script" not in page.tags
        assert "alert(1)" in page.text

    def test_a_bad_certificate_is_in_sight(self, serving, ca_file):
        """The table is open and its heading says what is wrong; of a good one it is closed."""
        _, good = attempt(serving(root().issue()), ca_file)
        _, bad = attempt(serving(root().issue(begin=NOW - 9 * DAY, end=NOW - 2 * DAY)), ca_file)
        assert "<details " in good.tls._repr_html_()
        assert " open>" not in good.tls._repr_html_()
        assert " open>" in bad.tls._repr_html_()
        assert "expired 2 days ago" in Page(bad.tls._repr_html_()).text
        assert bad.tls.chain[0].fingerprint_sha256 in bad._repr_html_()

    def test_data_and_back(self, serving, ca_file):
        """to_dict goes through JSON and from_dict gives the same."""
        between = Authority("Lab intermediate", parent=root())
        _, delivery = attempt(serving(between.issue(), between), ca_file)
        data = json.loads(json.dumps(delivery.to_dict()))["tls"]
        assert Tls.from_dict(data) == delivery.tls
        assert data["chain"][0]["not_after"].endswith("+00:00")

    def test_the_sinks_own_certificate(self, sink):
        """The lab's authority makes certificates about which nothing is to be said."""
        login = sink.profile().replace(
            connection=sink.profile().connection.replace(
                auth=lab.BasicAuth(username="ann", password="open sesame")
            )
        )
        delivery = lab.send_test(login, to="you@example.com")
        assert delivery.ok
        assert set(said(delivery).values()) == {True}

    def test_trustmes_certificates_can_be_read(self):
        """A certificate of another maker is read as well."""
        made = trustme.CA().issue_cert("mx.example.com").cert_chain_pems[0].bytes()
        read = Certificate.of(ssl.PEM_cert_to_DER_cert(made.decode()))
        assert read.names == ("mx.example.com",)
