"""What would take all the memory there is, is refused before it takes any."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("greedy.py")

# Each wants far more than the 800 megabytes that are left to it.
GREEDY = {
    "a text times a number": "{{ 'x' * 10**9 }}",
    "a number times a text": "{{ 10**9 * 'x' }}",
    "a list times a number of numpy": "{{ ([1] * ten9) | length }}",
    "a text times a number of numpy": "{{ 'a' * ten9 }}",
    "a deque times a number": "{{ (queue * 10**7) | length }}",
    "an array times a number": "{{ (array * 10**7) | length }}",
    "octets times a number": "{{ (octets * 10**7) | length }}",
    "a power": "{{ 7 ** (10**10) }}",
    "a power of a fraction": "{{ half ** (10**9) }}",
    "a range": "{{ range(10**9) | list }}",
    "to_bytes": "{{ (1).to_bytes(10**9, 'big') | length }}",
    "to_bytes by name": "{{ (1).to_bytes(length=10**9, byteorder='big') | length }}",
    "expandtabs": "{{ tabs.expandtabs(9999) | length }}",
    "expandtabs, far": "{{ '\\t'.expandtabs(10**9) | length }}",
    "zfill": "{{ '1'.zfill(10**9) }}",
    "ljust": "{{ 'a'.ljust(10**9) }}",
    "rjust": "{{ 'a'.rjust(10**9) }}",
    "center": "{{ 'a'.center(10**9) }}",
    "translate": "{{ big.translate(fill) | length }}",
    "a filter that centres": "{{ 'a' | center(10**9) }}",
    "many that are centred": "{{ range(99999) | map('center', 9999) | list | length }}",
    "many that are centred and joined": "{{ range(99999) | map('center', 9999) | join | length }}",
    "%d": "{{ '%1000000000d' % 1 }}",
    "%d with a name": "{{ '%(a)1000000000d' % {'a': 1} }}",
    "%d with brackets in its name": "{{ '%((a))1000000000d' % {'(a)': 1} }}",
    "%.f": "{{ '%.1000000000f' % 1.5 }}",
    "%*d": "{{ '%*d' % (10**9, 1) }}",
    "octets %d": "{{ 'x%1000000000d'.encode() % 1 }}",
    "%s very often": "{{ ('%s' * 1000) % ((big,) * 1000) }}",
    "%(a)s very often": "{{ ('%(a)s' * 1000) % {'a': big} }}",
    "%9999d very often": "{{ ('%9999d' * 90000) % ((1,) * 90000) }}",
    "a filter that formats": "{{ '%1000000000d' | format(1) }}",
    "a filter that formats often": "{{ ('%(a)s' * 1000) | format(a=big) }}",
    "format": "{{ '{:>1000000000}'.format(1) }}",
    "format with a width from elsewhere": "{{ '{:>{w}}'.format(1, w=10**9) }}",
    "format_map": "{{ '{a:>1000000000}'.format_map({'a': 1}) }}",
    "format very often": "{{ ('{0}' * 1000).format(big) | length }}",
    "format of 9999 very often": "{{ ('{0:9999}' * 90000).format(1) | length }}",
    "format kept under a name": "{% set f = ('{0}' * 1000).format %}{{ f(big) | length }}",
    "format of a list": "{{ '{}'.format([big] * 1000) | length }}",
    "join": "{{ [big] * 1000 | int | default(1) }}{{ ([big] * 1000) | join | length }}",
    "join with something long": "{{ range(9999) | join(big) | length }}",
    "join of a method": "{{ big.join(['a'] * 9999) | length }}",
    "join of a text": "{{ big | join(big) | length }}",
    "join of lists": "{{ ([[big]] * 1000) | join | length }}",
    "indent": "{{ lines | indent(9999, blank=true) | length }}",
    "indent by a text": "{{ lines | indent(big, blank=true) | length }}",
    "wordwrap": "{{ words | wordwrap(2, wrapstring=big) | length }}",
    "wordwrap letter by letter": "{{ big | wordwrap(1) | length }}",
    "urlize": "{{ links | urlize(target=big) | length }}",
    "urlize with rel": "{{ links | urlize(rel=big) | length }}",
    "tojson": "{{ ([big] * 1000) | tojson | length }}",
    "tojson, indented": "{{ many | tojson(indent=9999) | length }}",
    "pprint": "{{ ([big] * 1000) | pprint | length }}",
    "string": "{{ ([big] * 1000) | string | length }}",
    "upper": "{{ ([big] * 1000) | upper | length }}",
    "xmlattr": "{{ {'a': [big] * 1000} | xmlattr | length }}",
    "a list that is written": "{{ [big] * 1000 }}",
    "a dict that is written": "{{ {'a': [big] * 1000} }}",
    "frames that are written": "{{ [frame] * 100000 }}",
    "a list in %s": "{{ '%s' % ([[big] * 1000],) }}",
    "t with a list": "{{ t('hi', name=[big] * 1000) }}",
    "replace": "{{ big.replace('b', big) | length }}",
    "replace by a filter": "{{ big | replace('b', big) | length }}",
    "texts that are kept": "{% set n = namespace(x=[]) %}{% for i in range(9999) %}{% set n.x = n.x + [big ~ i] %}{% endfor %}{{ n.x | length }}",
    "octets that are kept": "{% set n = namespace(x=[]) %}{% for i in range(9999) %}{% set n.x = n.x + [big.encode()] %}{% endfor %}",
    "numbers that are kept": "{% set n = namespace(x=[]) %}{% for i in range(99999) %}{% set n.x = n.x + [7 ** 300000 + i] %}{% endfor %}",
    "pieces that are kept": "{% set n = namespace(x=[]) %}{% for i in range(9999) %}{% set n.x = n.x + [words.split()] %}{% endfor %}",
    "what never ends": "{{ odd.endless() | list | length }}",
    "what never ends, joined": "{{ odd.endless() | join | length }}",
    "what never ends, sorted": "{{ odd.endless() | sort | length }}",
    "what never ends, in slices": "{{ odd.endless() | slice(3) | list | length }}",
    "what never ends, mapped": "{{ odd.endless() | map('string') | list | length }}",
    "what never ends, as arguments": "{{ ','.join(odd.endless() | map('string')) | length }}",
    "the length of what never ends": "{% for i in odd.endless() %}{{ loop.length }}{% endfor %}",
    "strftime": "{{ day.strftime('%A' * 400000) | length }}",
    "decimals": "{{ 1.5 | number(10**9) }}",
    "decimals by a text": "{{ 1.5 | number('1000000000') }}",
    "round": "{{ 1.5 | round(10**9) }}",
    "tables as text": "{{ ([sales] * 100000) | map('text_table', max_rows=2000) | list | length }}",
    "records": "{{ ([sales] * 100000) | map('records') | list | length }}",
    "records that are kept": "{% set n = namespace(x=[]) %}{% for i in range(99999) %}{% set n.x = n.x + [sales | records] %}{% endfor %}",
    "batches that are kept": "{% set n = namespace(x=[]) %}{% for i in range(9999) %}{% set n.x = n.x + [many | batch(1) | list] %}{% endfor %}",
    "lists put together that are kept": "{% set n = namespace(x=[]) %}{% for i in range(9999) %}{% set n.x = n.x + [many + many] %}{% endfor %}",
    "columns that are kept": "{% set n = namespace(x=[]) %}{% for i in range(99999) %}{% set n.x = n.x + [wide.n + 1] %}{% endfor %}",
    "a digest of a list": "{{ ([big] * 1000) | digest }}",
    "a column times a number": "{{ (sales.a * 1000) | length }}",
    "a frame times a number": "{{ (sales * 1000) | length }}",
    "a column that doubles": "{% set n = namespace(s=sales.a) %}{% for i in range(20) %}{% set n.s = n.s + n.s %}{% endfor %}{{ n.s | length }}",
    "a column and a text": "{{ (sales.a + big) | length }}",
    "a column of formats": "{{ (sales.form % 5) | length }}",
    "a column of powers": "{{ (sales.whole ** 10**7) | length }}",
    "cumsum": "{{ sales.a.cumsum() | length }}",
    "sum of texts": "{% for i in range(999) %}{{ sales.a.sum() | length }}{% endfor %}",
    "bins": "{{ sales.n.value_counts(bins=20000000) | length }}",
    "an array on its side": "{{ (sales[['n']].values - wide.n.values) | length }}",
    "tojson, nested": "{% set n = namespace(x=[1]) %}{% for i in range(700) %}{% set n.x = [n.x] %}{% endfor %}{{ n.x | tojson(indent=9000) | length }}",
    "tojson, indented by a text": "{{ many | tojson(indent=big) | length }}",
    "a wide cell as text": "{{ thin | text_table(max_rows=100000) | length }}",
    "in the subject of a macro": "{% macro m(x) %}{{ x * 10**9 }}{% endmacro %}{{ m('a') }}",
}  # fmt: skip
USUAL = {
    "{{ '%5.1f %s %(a)s' | replace('%', '') }}": "5.1f s (a)s",
    "{{ '%(a)s and %(b)05d' % {'a': 'x', 'b': 7} }}": "x and 00007",
    "{{ '100%% of %d in 20260' % 5 }}": "100% of 5 in 20260",
    "{{ '{} {a}'.format(1, a='b') }}": "1 b",
    "{{ '{a}'.format_map({'a': 5}) }}": "5",
    "{{ (5).to_bytes(2, 'big') | length }}": "2",
    "{{ 'a\\tb'.expandtabs(4) }}": "a b",
    "{{ 'a b c' | wordwrap(1) | length }}": "5",
    "{{ ['a', 1, [2]] | join('-') }}": "a-1-[2]",
    "{{ many | sum }}": "4999950000",
    "{{ many | length }} {{ many | max }}": "100000 99999",
    "{{ [1, 2] * 2 }}": "[1, 2, 1, 2]",
    "{{ 2 ** 100 }}": "1267650600228229401496703205376",
    "{{ 7 // 2 }} {{ 7 % 4 }}": "3 3",
    "{{ amount | number(3) }}": "1.500",
    "{{ big | length }}": "900000",
    "{{ big | upper | length }}": "900000",
    "{{ day.strftime('%d.%m.%Y') }}": "02.01.2026",
    "{% for i in range(600) %}{% set x = d.get('rows') %}{% endfor %}read": "read",
    "{% for i in range(2000) %}{% set x = d.get('dicts') %}{% set y = (d.dicts, i) %}{% endfor %}read": "read",
    "{% for i in range(600) %}{% set x = [d.rows] | first %}{% endfor %}read": "read",
    "{{ (sales.n * 2 + 1).max() }} {{ (sales.n / 2).sum() }}": "3999 999500.0",
    "{{ sales.price.sum() }} {{ (sales.price * 2).sum() }}": "3000.0 6000.0",
    "{{ (sales.a.head(3) + 'x') | length }} {{ sales.n.cumsum().max() }}": "3 1999000",
    "{{ sales | records | length }} {{ sales.n.value_counts() | length }}": "2000 2000",
    "{{ [1, [2]] | tojson(indent=2) | length }}": "22",
    "{{ many | sort | length }}": "100000",
    "{% for a in odd.endless() %}{% if loop.index > 3 %}{% endif %}{% endfor %}": "",
}


@pytest.fixture(scope="module")
def said():
    """What came of each template, in a program of its own."""
    usual = {html: html for html in USUAL}
    done = subprocess.run(
        [sys.executable, PROGRAM],
        input=json.dumps(GREEDY | usual),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", GREEDY)
def test_what_is_too_large_is_refused(said, name):
    """A sentence comes, and not for want of memory."""
    assert said[name].startswith("template/body.html, line 1: "), said[name]
    assert "memory" not in said[name]


@pytest.mark.parametrize("html", [html for html in USUAL if USUAL[html]])
def test_what_is_usual_is_filled(said, html):
    """The bounds are far from what a mail needs."""
    assert said[html].strip() == f"filled: {USUAL[html]}"
