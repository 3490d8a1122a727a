#!/usr/bin/env python3
"""Makes tests/data/template.json: what Jinja2, set up as apply_chat_template of Hugging Face Transformers has it, makes
of expressions, statements and chat templates.

    python3 -m pip install jinja2 transformers
    python3 tools/make_template_fixtures.py
    python3 tools/make_template_fixtures.py --templates FOLDER --out FILE    # of the *.jinja of a folder: to try others,
    build/test_template FILE                                                 # with this

    variables: {name: variables}; cases: [[template, name of its variables, output, or null where it is an error]]
    chats: {name: variables}; models: {name: {"text", "outputs": {name of a chat: output or null}}}
    prompts: [{"config" (put into the tokenizer_config.json of tests/data/generate_llama), "chat" (variables), "text",
        "ids" (both null where apply_chat_template fails)}]

The chat templates are written for these tests: each does what the template of the models that it is named after does,
and in the ways that such templates are written.
"""
import argparse
import glob
import json
import os
import re
import shutil
import tempfile

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--templates")
    parser.add_argument("--out", default=os.path.join(os.path.dirname(__file__), "../tests/data/template.json"))
    arguments = parser.parse_args()

from transformers import AutoTokenizer
from transformers.utils.chat_template_utils import _compile_jinja_template

VARIABLES = {
    "values": {
        "s": "Hello, World", "t": "  two\twords \n", "e": "", "u": "Grüße, 世界! 🙂 ß ǆ İ ΑΣ", "q": "it's \"so\"\\\n\x07",
        "i": 7, "z": 0, "m": -3, "f": 2.5, "big": 1e22, "small": 1.5e-7, "b": True, "n": None,
        "l": [3, 1, 2], "ls": ["b", "A", "c", "a"], "le": [], "d": {"x": 1, "y": {"z": [1, 2]}, "items": 5},
        "dd": {"B": 2, "a": 1, "C": 0}, "p": [{"name": "Ann", "age": 3}, {"name": "bob", "age": 1}, {"name": "Cy"}],
        "lines": "one\n\ntwo\r\n three\n", "nested": [[1, [2.0, None]], {"k": "v"}], "h": "<b>&'\"</b>",
    },
}
NAMES = list(VARIABLES["values"]) + ["undefined_name"]

# @ stands for each variable
FOR_EACH = """@ | @ == @ | @ ~ '|' | not @ | @ is defined | @ is string | @ is mapping | @ is iterable | @ is sequence
@ is number | @ is integer | @ is float | @ is boolean | @ is none | @ is true | @ is false | @ is undefined
@ is callable | @ and 1 | @ or 1 | 'y' if @ else 'n' | @ in l | @ == 7 | @ != 'x' | [@] | (@,) | {'k': @}
@ + 1 | @ + 'x' | @ + [1] | @ * 2 | @ - 1 | @ / 2 | @ // 2 | @ % 2 | -@ | +@ | @ ** 2 | @ < 5 | @ >= 'b' | @ < @
@[0] | @[-1] | @[1:] | @[:-1] | @[::2] | @[::-1] | @[1:3] | @['x'] | @.x | @.y.z | @['items'] | @ is odd | @ is even
'e' in @ | 1 in @ | @ is sameas @ | @ is eq 7 | @ is in l | @ is lower | @ is upper | @ is divisibleby 2""".replace(
    "\n", " | ")
FILTERS = """length | count | upper | lower | trim | title | capitalize | string | list | first | last | join | join(', ') | int | float
abs | round | round(1) | default('D') | default('D', true) | d | tojson | tojson(indent=2) | tojson(ensure_ascii=True)
tojson(separators=(',', ':')) | tojson(sort_keys=true) | reverse | reverse(1) | sort | sort(reverse=true) | unique
min | max | sum | sum(start=1) | map('upper') | select | select('odd') | reject('none') | safe | indent | indent(2, true)
indent(width='>', blank=true) | replace('o', '0') | replace('', '-') | replace('l', 'L', 1) | dictsort | items
dictsort(by='value') | dictsort(reverse=true) | map('string') | sort(case_sensitive=true) | list
int(5) | float(1.5) | round(method='ceil') | round(0, 'floor') | trim('H \\n') | nosuchfilter""".replace("\n", " | ")

EXPRESSIONS = r"""
1 + 2 * 3 - 4 / 2
2 ** 3 ** 2
-2 ** 2
7 // 2, -7 // 2, 7 % 3, -7 % 3, 7 % -3, 7.5 // 2, -7.5 % 2
1 / 0
5 % 0
0.1 + 0.2
1e3, 1.5e-7, 1E+16, 1_000, 0x1f, 0b101, 0o17, 1.0, 100000000000000000000.0
true, True, none, None, false
1 < 2 < 3, 1 < 3 < 2, 1 == 1.0, true == 1, 'a' < 'b', [1, 2] < [1, 3], (1, 2) == [1, 2]
1 < 'a'
none < 1
'a' 'b' "c"
'a\nb\t\\ \'q\' \x41 \u00e9 \U0001f642 \101 \q'
"it's"
'it"s'
'a' ~ 1 ~ none ~ 2.50 ~ [1, 'x']
not true and false, not (true and false), not not 1
1 if false
(1 if false) is defined
1 if true else 2 if false else 3
1 in [1], 1 not in [1], 'a' in 'cat', 'a' not in 'cat', 'x' in {'x': 1}, 1 in 'a'
[1, 2,], (1,), (), [], {}, {'a': 1,}
(1)
{'a': 1}.a, {'a': {'b': 2}}['a']['b'], [1, [2, 3]][1][0], 'abc'[1], (1, 2).0
[1, 2, 3][1:], [1, 2, 3][:-1], [1, 2, 3][::2], 'abcdef'[4:1:-1], 'abcdef'[-3:], [1, 2][5:], 'ab'[0:99]
[1][5] is defined, {'a': 1}['b'] is defined, 'abc'[9] is defined
[1][5].x
[1, 2, 3][::0]
'%s' is string
d.x, d['x'], d.items is defined, d['items'], d.get('x'), d.get('nope'), d.get('nope', 3), d.keys() | list, d.values() | list
d.items() | list
dd.items() | sort
d.y.z | length, d.y.nope is defined
d.nope.more
d.nope
undefined_name
undefined_name.x
undefined_name is defined and undefined_name.x
undefined_name | length, undefined_name | list, undefined_name | upper, undefined_name ~ 'x', undefined_name == undefined_name
undefined_name + 1
undefined_name()
undefined_name | tojson
undefined_name | int
undefined_name in 'abc'
'a' in undefined_name
'abc' | upper | lower | title
'hello world-foo (bar) {baz}x' | title
"they're bill's" | title, "they're bill's".title()
'ABC'.lower(), 'abc'.upper(), 'abc'.capitalize(), ' a '.strip(), 'xxaxx'.strip('x'), ' a '.lstrip(), ' a '.rstrip()
'a,b,c'.split(','), 'a b  c'.split(), 'a,b,c'.split(',', 1), 'a b  c d'.split(None, 1), ''.split(), ''.split(',')
'a,b,c'.rsplit(',', 1), 'a b'.rsplit(), ',a,'.split(','), 'aXbXc'.split('X', maxsplit=1), 'abc'.split('')
'a\nb\r\nc'.splitlines(), 'a\nb\n'.splitlines(true), ''.splitlines()
'abc'.startswith('a'), 'abc'.endswith('c'), 'abc'.startswith(('x', 'a')), 'abc'.endswith(''), 'abc'.startswith(1)
'abcabc'.replace('b', 'X'), 'abcabc'.replace('b', 'X', 1), 'abc'.replace('', '-'), 'äöü'.replace('', '-', 2)
'abcabc'.find('c'), 'abcabc'.rfind('c'), 'äöü'.find('ü'), 'abc'.find('x'), 'abc'.find(''), 'abc'.rfind('')
'abc'.index('c'), 'abcb'.rindex('b'), 'aXbX'.count('X'), 'abc'.count('')
'abc'.index('x')
', '.join(['a', 'b']), ''.join([]), '-'.join('abc')
', '.join([1])
'abc'.removeprefix('a'), 'abc'.removesuffix('c'), 'abc'.removeprefix('x'), 'abc'.removesuffix('')
'a-b-c'.partition('-'), 'a-b-c'.rpartition('-'), 'abc'.partition('-'), 'abc'.rpartition('-')
'abc'.isalpha(), 'ab1'.isalnum(), '12'.isdigit(), '²'.isdigit(), '²'.isdecimal(), ' \t'.isspace(), 'AB'.isupper(), 'ab'.islower()
''.isalpha(), 'ß'.upper(), 'ǆ'.title(), 'İ'.lower(), 'ΑΣ'.lower(), 'ŉ'.upper(), 'ﬃ'.upper(), 'ﬃ'.capitalize()
'abc'.nosuch
'abc'.nosuch()
'abc'.__class__
{}.__class__ is defined
u.upper(), u.lower(), u | length, u[::-1], u[8], u.split()
s.split(',')[0].strip() ~ s.split(',')[-1].strip()
t.strip() | tojson
q | tojson, u | tojson, u | tojson(ensure_ascii=true), h | tojson, [1.0, 1e22, 1e-7, true, none] | tojson
{'b': 1, 'a': [1, {'x': none}], 1: 2, none: 3, true: 4, 1.5: 5} | tojson
{'b': 1, 'a': 2} | tojson(sort_keys=true), {} | tojson(indent=2), [] | tojson(indent=2), [[], {}] | tojson(indent=1)
nested | tojson(indent=4)
nested | tojson(indent='\t', separators=(',', ':'))
nested, q, [q], [u], {'a': 'b\n'}, [1.0, 1e16, 123456789012345680.0, 0.0001, 0.00001]
[1, 2] + [3], (1,) + (2,), 'a' + 'b', 'a' * 3, [0] * 3, 3 * 'ab', 'a' * -1
[1] + (2,)
'a' + 1
[3, 1, 2] | sort, [3, 1, 2] | sort(reverse=true), ['b', 'A'] | sort, ['b', 'A'] | sort(case_sensitive=true)
p | sort(attribute='name') | map(attribute='name') | list
p | sort(attribute='age')
p | map(attribute='age', default=0) | list, p | map(attribute='name') | join(', ')
p | selectattr('age') | list | length, p | selectattr('age', 'defined') | map(attribute='age') | list
p | selectattr('name', 'equalto', 'bob') | list, p | rejectattr('age', 'gt', 1) | list
p | selectattr('name', 'in', ['Ann', 'Cy']) | list
p | selectattr('name', '==', 'bob') | first, p | rejectattr('age', 'undefined') | list
p | sum(attribute='age')
p[:2] | sum(attribute='age'), p | map(attribute='name') | map('lower') | list
[1, 2, 3, 4] | select('even') | list, [1, 2, 3] | reject('odd') | list, [0, 1, none, 'a'] | select | list
[1, 2, 3] | select('gt', 1) | list, ['a', 'b'] | map('upper') | join, [1, 2] | map('string') | list
[1, 2] | select('odd') | length
'yes' if ([] | select) else 'no'
(['a'] | map('upper')) is iterable, (['a'] | map('upper')) is sequence
['a', 'A', 'b'] | unique | list, ['a', 'A'] | unique(case_sensitive=true) | list, [1, 1.0, true, 2] | unique | list
[3, 1, 2] | min, [3, 1, 2] | max, ['b', 'A'] | min, [] | min is defined, [] | max
[1, 2, 3] | first, [1, 2, 3] | last, [] | first is defined, 'abc' | first, 'abc' | last, d | first
[1, 2] | join, [1, 2] | join('-'), 'abc' | join('.'), p | join(', ', attribute='name'), [none, true] | join(',')
'abc' | list, d | list, [1, 2] | reverse | list, 'abc' | reverse, 'äb' | reverse
'42' | int, '42.7' | int, 'x' | int, 'x' | int(3), ' 7 ' | int, '1_000' | int, none | int, 3.9 | int, -3.9 | int, true | int, '-5' | int
'1.5' | float, 'x' | float, 2 | float, '1e3' | float, none | float, ' +2.5 ' | float
2.5 | round, 3.5 | round, 2.675 | round(2), 42 | round, 42.55 | round(1, 'floor'), 42.51 | round(1, 'ceil'), -2.5 | round
-5 | abs, -2.5 | abs, true | abs
none | default('x'), none | default('x', true), undefined_name | default('x'), '' | default('x', boolean=true), undefined_name | default
lines | indent, lines | indent(2, true), lines | indent(1, blank=true), 'a' | indent(first=true), '' | indent(2, true), 'a\n' | indent
5 is divisibleby 5, 5 is divisibleby(2), 5 is odd, 4 is even, 5 is not odd, 'a' is in 'abc', 1 is in [1, 2]
1 is eq 1, 1 is ne 2, 1 is lt 2, 1 is le 1, 2 is gt 1, 2 is ge 2, 1 is equalto 1, 1 is sameas 1, 1 is sameas 1.0, none is sameas none
1 is none or true
h | safe
h | safe + h
h + h | safe
(h | safe + 'a') + h
(h | safe) ~ h
(h | safe) == h
h | safe | string + '<'
'a{}b{}'.format(1, 'x'), '{0}{1}{0}'.format(1, 2), '{a}{{}}'.format(a=[1]), ''.format()
'{}'.format()
'{'.format(1)
'{}{0}'.format(1)
'{x}'.format(1)
x is defined or 5
not x is defined
x is not defined and y is not defined
1 is nosuchtest
range(3) | list, range(1, 4) | list, range(5, 0, -2) | list, range(0), range(0) | list, range(3)[1], 2 in range(3), range(3) | length
range(1, 2, 0)
range('a')
range(200000)
dict(a=1, b=2), dict({'x': 1}, y=2), dict()
namespace(a=1).a, namespace(a=1).b is defined, namespace() is mapping
namespace(_x=1)
range is callable, d is callable, dict is callable, namespace is callable
raise_exception('no')
strftime_now('%%') , strftime_now('') == ''
strftime_now is defined
l.append(1)
d.update({})
l.pop
l.index(1), l.count(3), (1, 2).index(2), (1, 1).count(1)
l.index(9)
[1, 2].copy(), {'a': 1}.copy()
[1, 2, 3] | length - 1
l[0] + l | length
messages[0]['role'] is defined
(1, 2, 3) | list, (1, 2)[0], (1, 'a'), ('a',)
{'a': 1} == {'a': 1.0}, [1, [2]] == [1, [2]], {'a': 1} != {'b': 1}
{1: 'a'}[1], {1: 'a'}[true], {'1': 2}[1] is defined, {(1, 2): 3}[(1, 2)]
{[]: 1}
{'a': 1, 'a': 2}
l is sameas l, [1] is sameas [1]
'' is string and not '', 0 == false, '' == false, none == false, [] == false
s | replace('l', 1), 5 | replace(5, 6), s | replace('o', '0') | replace(',', '') | length
'a' if s is string and s | length > 3 and 'W' in s else 'b'
s[:5] ~ s[5:] == s, s[-5:], s[100:], s[:-100], s[none:2], s[true]
1.5 | string ~ '!', none | string, [1, 'a'] | string, true | string | upper
"a" in ["a"] and "b" not in ["a"] or false
{{1: 2}}
{'a': {'b': {}}}
1 +
(1
[1, 2
'abc
1 2
a b
{1, 2}
f(*[1])
dict(**{'a': 1}, **{'b': 2})
dict(**{'a': 1}, b=2)
range(*[1, 4]) | list
range(*[1], *[4]) | list
range(*l, **d)
dict(**[1])
range(1, *[4, 2]) | list
'abc'.replace(*['a', 'b'])
s |
s | 1
1 is
{'a' 1}
.5
$
a.b.
x[
""
'{{ "}}" }}'
'}}' ~ '%}'
9223372036854775807, -9223372036854775807
loop
caller
""".strip("\n").split("\n")

STATEMENTS = [
    "a{% if i %}b{% elif z %}c{% else %}d{% endif %}e", "{% if z %}a{% elif m %}b{% else %}c{% endif %}",
    "{% if z %}a{% elif n %}b{% else %}{% if i %}c{% endif %}d{% endif %}", "{% if z %}a{% endif %}b",
    "{% if z %}1{% elif z %}2{% elif i %}3{% elif i %}4{% else %}5{% endif %}",
    "{% if i, z %}tuple{% endif %}", "{% if %}{% endif %}", "{% if i %}", "{% endif %}", "{% if i %}{% endfor %}",
    "{% else %}", "{% if i %}a{% else %}b{% else %}c{% endif %}", "{% if i: %}x{% endif %}", "{% nosuch %}", "{% %}",
    "{% for x in l %}{{ x }}{% if not loop.last %},{% endif %}{% endfor %}",
    "{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}"
    "{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}",
    "{% for x in l %}{{ loop.previtem }}<{{ x }}<{{ loop.nextitem }};{% endfor %}",
    "{% for x in l %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }};{% endfor %}",
    "{% for x in l %}{{ loop.cycle('a', 'b') }}{% endfor %}", "{% for x in [1, 1, 2] %}{{ loop.changed(x) }}{% endfor %}",
    "{% for x in le %}a{% else %}none{% endfor %}", "{% for x in l %}a{% else %}none{% endfor %}",
    "{% for x in l if x > 1 %}{{ loop.index }}/{{ loop.length }}:{{ x }} {% endfor %}",
    "{% for x in l if x > 9 %}{{ x }}{% else %}none{% endfor %}",
    "{% for k, v in dd.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k, v in dd | dictsort %}{{ k }}={{ v }};{% endfor %}",
    "{% for k in dd %}{{ k }}{% endfor %}", "{% for (a, b) in [[1, 2], [3, 4]] %}{{ a }}{{ b }}{% endfor %}",
    "{% for a, b in [[1, 2, 3]] %}{{ a }}{% endfor %}", "{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for c in s %}{{ c }}.{% endfor %}", "{% for x in undefined_name %}a{% else %}b{% endfor %}", "{% for x in 5 %}{% endfor %}",
    "{% for x in none %}{% endfor %}", "{% for x in 1, 2 %}{{ x }}{% endfor %}", "{% for x in range(3) %}{{ x }}{% endfor %}",
    "{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}after",
    "{% for x in l %}{% for y in l %}{% if y == 1 %}{% break %}{% endif %}{{ y }}{% endfor %}{{ x }};{% endfor %}",
    "{% break %}", "{% for x in l %}{% set y = x %}{% endfor %}{{ y }}", "{% set y = 0 %}{% for x in l %}{% set y = y + x %}{{ y }}{% endfor %}{{ y }}",
    "{% set ns = namespace(y=0) %}{% for x in l %}{% set ns.y = ns.y + x %}{% endfor %}{{ ns.y }}",
    "{% set ns = namespace() %}{% set ns.a = 1 %}{{ ns.a }}{{ ns.b }}{{ ns['a'] }}", "{% set d.x = 2 %}", "{% set ns = namespace(a=1) %}{% set ns._b = 1 %}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a, b = [1] %}", "{% set a = 1, 2 %}{{ a }}", "{% set (a, b) = (1, 2) %}{{ b }}",
    "{% set a %}x{{ i }}y{% endset %}{{ a }}|{{ a is string }}", "{% set a | upper %}abc{% endset %}{{ a }}",
    "{% set a | replace('b', 'x') | upper %}abc{% endset %}{{ a }}", "{% set %}", "{% set a %}", "{% set a = %}", "{% set 1 = 2 %}",
    "{% set a = 1 %}{% if true %}{% set a = 2 %}{% endif %}{{ a }}", "{% if true %}{% set a = 2 %}{% endif %}{{ a }}",
    "{% set true = 1 %}", "{% set s = s ~ '!' %}{{ s }}",
    "{% macro m(a, b=2) %}{{ a }}-{{ b }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(b=4, a=5) }} {{ m() }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}", "{% macro m(a) %}{% endmacro %}{{ m(1, a=2) }}",
    "{% macro m(a, b=2) %}{{ a }}{{ b }}{{ kwargs }}{% endmacro %}{{ m(*[1], **{'b': 3, 'c': 4}) }}", "{% macro m(a, b=a) %}{{ b }}{% endmacro %}{{ m(7) }}", "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}",
    "{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}inside{{ i }}{% endcall %}",
    "{% macro m(l) %}{% for x in l %}{{ caller(x) }}{% endfor %}{% endmacro %}{% call(x) m(l) %}<{{ x }}>{% endcall %}",
    "{% macro m(n) %}{{ n }}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(3) }}",
    "{% macro m() %}{{ x }}{% endmacro %}{% set x = 5 %}{{ m() }}", "{% macro m() %}{{ x }}{% endmacro %}{% for x in [1] %}{{ m() }}{% endfor %}",
    "{% macro m() %}{% set y = 1 %}{% endmacro %}{{ m() }}{{ y }}", "{% macro m() %}a{% endmacro %}{{ m() | upper }}{{ m() ~ m() }}{{ m() + 'x' }}",
    "{% set x = 'outer' %}{% macro m(x) %}{{ x }}{% endmacro %}{{ m('in') }}{{ x }}{{ m }}"[:-9], "{% macro m(a, a2) %}{% endmacro %}{{ m is callable }}",
    "{{ m() }}{% macro m() %}a{% endmacro %}", "{% macro m() %}", "{% macro %}{% endmacro %}",
    "{% filter upper %}abc{{ s }}{% endfilter %}", "{% filter trim | upper %} abc {% endfilter %}", "{% filter indent(2) %}a\nb{% endfilter %}",
    "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}", "{% with %}{% set a = 3 %}{{ a }}{% endwith %}{{ a }}", "{% set a = 1 %}{% with a = 2, b = a %}{{ b }}{% endwith %}",
    "{% generation %}a{{ i }}{% endgeneration %}b", "{% for x in l %}{% generation %}{{ x }}{% set i = 9 %}{% endgeneration %}{{ i }}{% endfor %}",
    "{% for x in [[1, [2, [3]]]] recursive %}{{ loop.depth }}{% if x is iterable %}{{ loop(x) }}{% else %}{{ x }}{% endif %}{% endfor %}",
    "{% for x in l %}{{ loop(l) }}{% endfor %}", "{{ i }}{{ z }}{# comment #}{{ f }}", "{# {{ x }} {% if %} #}a", "{# open", "{{ open", "{% open", "a { b } {c} {", "{{ '{{' }}", "{{ '{%' }}",
    "{% raw %}{{ x }}{% endraw %}", "{%- raw -%}  {{ x }} {%- endraw -%}  b", "a\n  {% raw %}\n  x\n  {% endraw %}\nb", "{% raw %}open",
    "{{ {'a': {'b': 1}} }}", "{{ {'a': {'b': 1}}['a']['b'] }}", "{{ '-' }}{{- ' - ' -}} x", "a {{- i -}} b", "a {{ i }} b", "a\n{{ i }}\nb\n", "a\n\n", "a\n", "\n", "", "  ", "\r\na\r\nb\r",
    "{{ -1 }}{{ - 1}}{{+1}}", "{{-1}}", "{%- if true -%} a {%- endif -%} b",
] + [
    f"x\n  {{%{a} if i {b}%}}{c}  y\n  {{%{b} endif {a}%}}{c} z\n{{#{a} c {b}#}}{c}\t{{#{a} c {b}#}} w\n  {{{{{'-' if a == '-' else ''} i {'-' if b == '-' else ''}}}}}  \n v"
    for a in ("", "-", "+") for b in ("", "-", "+") for c in ("", "\n", " \n\n")
] + [
    "  {% if i %}\n    a\n  {% endif %}\nb", "\t{% if i %}a{% endif %}  \n  {% if i %}  b", "{% if i %}\n\n  {% endif %}x", "a  {% if i %}b{% endif %}", "  {{ i }}\n  {# c #}\n  {% set a = 1 %}\n  b",
    "{% set a = 1 %}  {% set b = 2 %}\n  c", "a\n  {%+ if i %}b{% endif +%}\nc", "{% if i +%}\nb{% endif %}", "{% for x in l %}\n  {{ x }}\n{% endfor %}\n", "\u00a0{% if i %}\u00a0\n{% endif %}x",
    "{%if i%}a{%endif%}", "{%   set\n a\n=\n1   %}{{a}}", "{{ i }}\n\n", "{{ s\n | upper\n }}", "{% if (\n i\n) %}a{% endif %}",
    "{% block a %}x{% endblock %}"[:0], "{{ (l | length) - 1 }}{{ l | length - 1 }}", "{{ d.x if d.x is defined else 'n' }}", "{{ 'a' if true }}{{ 'a' if false }}|",
    "{%- set ns = namespace(found=false) -%}{%- for x in l -%}{%- if x == 2 -%}{%- set ns.found = true -%}{%- endif -%}{%- endfor -%}{{ ns.found }}",
    "{% set x = [] %}{% for y in l %}{% set x = x + [y] %}{% endfor %}{{ x }}", "{% set ns = namespace(x=[]) %}{% for y in l %}{% set ns.x = ns.x + [y * 2] %}{% endfor %}{{ ns.x }}",
    "{% set c = p[0] %}{{ c.name }}{{ c['age'] }}{{ c.get('none', 'd') }}", "{{ p | map(attribute='name') | first }}{% for x in p if x.age is defined and x.age > 1 %}{{ x.name }}{% endfor %}",
    "{% set g = [1, 2] | map('string') %}{{ g | join }}{{ g | join }}|", "{{ [1, 2] | map('string') is defined }}", "{% for x in [3, 4] | reverse %}{{ loop.index }}{{ x }}{% endfor %}",
    "{% for m in p[::-1] %}{{ m.name }}{% endfor %}{{ p[-1].name }}{{ (p | last).name }}", "{% for i in range(l | length - 1, -1, -1) %}{{ l[i] }}{% endfor %}{{ i }}",
]

# ---- chats ----

USER = {"role": "user", "content": "What is 2 + 2?"}
ANSWER = {"role": "assistant", "content": "It is 4.\n"}
SYSTEM = {"role": "system", "content": " You are terse. "}
TOOL = {"type": "function", "function": {
    "name": "get_weather", "description": "The weather at a place: \"now\" & <here>", "parameters": {
        "type": "object", "properties": {
            "place": {"type": "string", "description": "a town, für Beispiel"},
            "unit": {"type": "string", "enum": ["C", "F"]}, "days": {"type": "array", "items": {"type": "integer"}}},
        "required": ["place"]}}}
CALL = {"role": "assistant", "content": "", "tool_calls": [
    {"id": "call00001", "type": "function", "function": {"name": "get_weather", "arguments": {"place": "Köln", "days": [1, 2.5]}}}]}
RESULT = {"role": "tool", "name": "get_weather", "tool_call_id": "call00001", "content": "{\"sky\": \"blue\"}"}
THOUGHT = {"role": "assistant", "content": "<think>\nTwo and two.\n</think>\n\nIt is 4."}
PARTS = {"role": "user", "content": [{"type": "text", "text": "Look: "}, {"type": "image"}, {"type": "text", "text": "what is it?"}]}

BASE = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "tools": None, "documents": None}


def chat(messages, prompt=True, **more):
    return {**BASE, "messages": messages, "add_generation_prompt": prompt, **more}


CHATS = {
    "one turn": chat([USER]), "no prompt": chat([USER], False), "system": chat([SYSTEM, USER]),
    "three turns": chat([SYSTEM, USER, ANSWER, {"role": "user", "content": "  And 3 + 3?\n"}]), "answered": chat([USER, ANSWER], False),
    "tools": chat([SYSTEM, USER], tools=[TOOL]), "call": chat([USER, CALL, RESULT], tools=[TOOL]),
    "called": chat([USER, CALL, RESULT, {"role": "assistant", "content": "Blue."}, USER], tools=[TOOL, TOOL]),
    "wrong order": chat([ANSWER, USER]), "two users": chat([USER, USER]), "nothing": chat([]), "thought": chat([USER, THOUGHT, USER]),
    "no thinking": chat([USER], enable_thinking=False), "parts": chat([PARTS]), "odd text": chat([{"role": "user", "content": "{{ x }} {% \"'<|im_end|>\\ 世界 🙂\n\n"}]),
    "unknown role": chat([USER, {"role": "critic", "content": "Hm."}]), "date": chat([SYSTEM, USER], date_string="26 Jul 2024", tools_in_user_message=False, tools=[TOOL]),
    "documents": chat([USER], documents=[{"title": "Sums", "text": "2 + 2 = 4"}, {"title": "More", "text": "3 + 3 = 6"}]),
}

# ---- chat templates, written for these tests ----

MODELS = {}
MODELS["chatml"] = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
MODELS["smollm2"] = (
    "{% for m in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nBe a helpful assistant.<|im_end|>\\n' }}{% endif %}"
    "{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
MODELS["zephyr"] = """{% for m in messages %}
{% if m['role'] == 'user' %}
{{ '<|user|>\\n' + m['content'] + eos_token }}
{% elif m['role'] == 'system' %}
{{ '<|system|>\\n' + m['content'] + eos_token }}
{% elif m['role'] == 'assistant' %}
{{ '<|assistant|>\\n'  + m['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}"""
MODELS["llama 2"] = (
    "{% if messages[0]['role'] == 'system' %}{% set turns = messages[1:] %}{% set system = messages[0]['content'] %}"
    "{% else %}{% set turns = messages %}{% set system = false %}{% endif %}{% for m in turns %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate: user, assistant, user, ...') }}{% endif %}"
    "{% if loop.index0 == 0 and system != false %}{% set content = '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' + m['content'] %}"
    "{% else %}{% set content = m['content'] %}{% endif %}"
    "{% if m['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
    "{% elif m['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}")
MODELS["llama 3"] = (
    "{% set turns = messages %}{% for m in turns %}{% set content = '<|start_header_id|>' + m['role'] + '<|end_header_id|>\\n\\n'+ m['content'] | trim + '<|eot_id|>' %}"
    "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}")
MODELS["llama 3.1"] = """{{- bos_token }}
{%- if custom_tools is defined %}
    {%- set tools = custom_tools %}
{%- endif %}
{%- if not tools_in_user_message is defined %}
    {%- set tools_in_user_message = true %}
{%- endif %}
{%- if not date_string is defined %}
    {%- set date_string = "01 Jan 2025" %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}

{#- The system message comes first, whatever is in it #}
{%- if messages and messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if builtin_tools is defined or tools is not none %}
    {{- "Environment: ipython\\n" }}
{%- endif %}
{%- if builtin_tools is defined %}
    {{- "Tools: " + builtin_tools | reject('equalto', 'code_interpreter') | join(", ") + "\\n\\n"}}
{%- endif %}
{{- "Today: " + date_string + "\\n\\n" }}
{%- if tools is not none and not tools_in_user_message %}
    {{- 'Answer with JSON {"name": function name, "parameters": arguments}.\\n\\n' }}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- if tools_in_user_message and not tools is none %}
    {%- if messages | length != 0 %}
        {%- set first_user_message = messages[0]['content']|trim %}
        {%- set messages = messages[1:] %}
    {%- else %}
        {{- raise_exception("Tools belong to the first user message, and there is none!") }}
{%- endif %}
    {{- '<|start_header_id|>user<|end_header_id|>\\n\\n' -}}
    {{- "These functions can be called:\\n\\n" }}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
    {{- first_user_message + "<|eot_id|>"}}
{%- endif %}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("One call at a time!") }}
        {%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {%- if builtin_tools is defined and tool_call.name in builtin_tools %}
            {{- "<|python_tag|>" + tool_call.name + ".call(" }}
            {%- for arg_name, arg_val in tool_call.arguments | items %}
                {{- arg_name + '="' + arg_val + '"' }}
                {%- if not loop.last %}
                    {{- ", " }}
                {%- endif %}
            {%- endfor %}
            {{- ")" }}
        {%- else  %}
            {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}
            {{- '{"name": "' + tool_call.name + '", ' }}
            {{- '"parameters": ' }}
            {{- tool_call.arguments | tojson }}
            {{- "}" }}
        {%- endif %}
        {{- "<|eot_id|>" }}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""
MODELS["qwen 2.5"] = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] }}
    {%- else %}
        {{- 'You are an assistant.' }}
    {%- endif %}
    {{- "\\n\\n# Tools\\n\\nFunctions, in <tools></tools>:\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools>\\n\\nCall with:\\n<tool_call>\\n{\\"name\\": <name>, \\"arguments\\": <object>}\\n</tool_call><|im_end|>\\n" }}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>system\\nYou are an assistant.<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- if message.content %}
            {{- '\\n' + message.content }}
        {%- endif %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}
                {%- set tool_call = tool_call.function %}
            {%- endif %}
            {{- '\\n<tool_call>\\n{"name": "' }}
            {{- tool_call.name }}
            {{- '", "arguments": ' }}
            {{- tool_call.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- message.content }}
        {{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""
MODELS["qwen 3"] = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content + '\\n\\n' }}
    {%- endif %}
    {{- "# Tools\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- else %}
    {%- if messages[0].role == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning_content = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning_content = message.reasoning_content %}
        {%- else %}
            {%- if '</think>' in content %}
                {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
                {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
            {%- endif %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index %}
            {%- if loop.last or (not loop.last and reasoning_content) %}
                {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
            {%- else %}
                {{- '<|im_start|>' + message.role + '\\n' + content }}
            {%- endif %}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {%- if message.tool_calls %}
            {%- for tool_call in message.tool_calls %}
                {%- if (loop.first and content) or (not loop.first) %}
                    {{- '\\n' }}
                {%- endif %}
                {%- if tool_call.function %}
                    {%- set tool_call = tool_call.function %}
                {%- endif %}
                {{- '<tool_call>\\n{"name": "' }}
                {{- tool_call.name }}
                {{- '", "arguments": ' }}
                {%- if tool_call.arguments is string %}
                    {{- tool_call.arguments }}
                {%- else %}
                    {{- tool_call.arguments | tojson }}
                {%- endif %}
                {{- '}\\n</tool_call>' }}
            {%- endfor %}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' + content + '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}"""
MODELS["gemma 2"] = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('There is no system role') }}{% endif %}{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate') }}{% endif %}"
    "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}"
    "{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\\n'}}{% endif %}")
MODELS["gemma 3"] = """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- if messages[0]['content'] is string -%}
        {%- set prefix = messages[0]['content'] + '\\n\\n' -%}
    {%- else -%}
        {%- set prefix = messages[0]['content'][0]['text'] + '\\n\\n' -%}
    {%- endif -%}
    {%- set turns = messages[1:] -%}
{%- else -%}
    {%- set prefix = "" -%}
    {%- set turns = messages -%}
{%- endif -%}
{%- for message in turns -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception("Roles must alternate") }}
    {%- endif -%}
    {%- if (message['role'] == 'assistant') -%}
        {%- set role = "model" -%}
    {%- else -%}
        {%- set role = message['role'] -%}
    {%- endif -%}
    {{ '<start_of_turn>' + role + '\\n' + (prefix if loop.first else "") }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}
            {%- if item['type'] == 'image' -%}
                {{ '<start_of_image>' }}
            {%- elif item['type'] == 'text' -%}
                {{ item['text'] | trim }}
            {%- endif -%}
        {%- endfor -%}
    {%- else -%}
        {{ raise_exception("Content of no kind") }}
    {%- endif -%}
    {{ '<end_of_turn>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{'<start_of_turn>model\\n'}}
{%- endif -%}
"""
MODELS["mistral 1"] = (
    "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}"
    "{% else %}{{ raise_exception('Only user and assistant') }}{% endif %}{% endfor %}")
MODELS["mistral 3"] = """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}

{#- Roles alternate, but for calls and their results #}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in loop_messages %}
    {%- if not (message.role == "tool" or message.role == "tool_results" or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
            {{- raise_exception("Roles must alternate") }}
        {%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (message == user_messages[-1]) %}
            {{- "[AVAILABLE_TOOLS] [" }}
            {%- for tool in tools %}
                {%- set tool = tool.function %}
                {{- '{"type": "function", "function": {' }}
                {%- for key, val in tool.items() if key != "return" %}
                    {%- if val is string %}
                        {{- '"' + key + '": "' + val + '"' }}
                    {%- else %}
                        {{- '"' + key + '": ' + val|tojson }}
                    {%- endif %}
                    {%- if not loop.last %}
                        {{- ", " }}
                    {%- endif %}
                {%- endfor %}
                {{- "}}" }}
                {%- if not loop.last %}
                    {{- ", " }}
                {%- else %}
                    {{- "]" }}
                {%- endif %}
            {%- endfor %}
            {{- "[/AVAILABLE_TOOLS]" }}
            {%- endif %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message.tool_calls is defined and message.tool_calls is not none %}
        {{- "[TOOL_CALLS] [" }}
        {%- for tool_call in message.tool_calls %}
            {%- set out = tool_call.function|tojson %}
            {{- out[:-1] }}
            {%- if not tool_call.id is defined or tool_call.id|length != 9 %}
                {{- raise_exception("A call's id has 9 characters!") }}
            {%- endif %}
            {{- ', "id": "' + tool_call.id + '"}' }}
            {%- if not loop.last %}
                {{- ", " }}
            {%- else %}
                {{- "]" + eos_token }}
            {%- endif %}
        {%- endfor %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- elif message["role"] == "tool_results" or message["role"] == "tool" %}
        {%- if message.content is defined and message.content.content is defined %}
            {%- set content = message.content.content %}
        {%- else %}
            {%- set content = message.content %}
        {%- endif %}
        {{- '[TOOL_RESULTS] {"content": ' + content|string + ", " }}
        {{- '"call_id": "' + message.tool_call_id + '"}[/TOOL_RESULTS]' }}
    {%- else %}
        {{- raise_exception("Of these roles only") }}
    {%- endif %}
{%- endfor %}
"""
MODELS["phi 3"] = (
    "{% for message in messages %}{% if message['role'] == 'system' and message['content'] %}{{'<|system|>\\n' + message['content'] + '<|end|>\\n'}}"
    "{% elif message['role'] == 'user' %}{{'<|user|>\\n' + message['content'] + '<|end|>\\n'}}{% elif message['role'] == 'assistant' %}"
    "{{'<|assistant|>\\n' + message['content'] + '<|end|>\\n'}}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% else %}{{ eos_token }}{% endif %}")
MODELS["phi 4"] = (
    "{% for message in messages %}{% if message['role'] == 'system' and 'tools' in message and message['tools'] is not none %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|tool|>' + message['tools'] + '<|/tool|>' + '<|end|>' }}{% else %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% else %}{{ eos_token }}{% endif %}")
MODELS["smollm3"] = """{# ---- defaults ---- #}
{%- if enable_thinking is not defined -%}
{%- set enable_thinking = true -%}
{%- endif -%}
{# ---- mode ---- #}
{%- if enable_thinking -%}
  {%- set reasoning_mode = "/think" -%}
{%- else -%}
  {%- set reasoning_mode = "/no_think" -%}
{%- endif -%}
{{- "<|im_start|>system\\n" -}}
{%- if messages and messages[0].role == "system" -%}
  {%- set system_message = messages[0].content -%}
  {%- if "/no_think" in system_message -%}
    {%- set reasoning_mode = "/no_think" -%}
  {%- endif -%}
  {%- set custom_instructions = system_message.replace("/no_think", "").replace("/think", "").rstrip() -%}
{%- endif -%}
{%- if "/system_override" in system_message -%}
  {{- custom_instructions.replace("/system_override", "").rstrip() -}}
{%- else -%}
  {{- "## Metadata\\n\\n" -}}
  {%- set today = "28 November 2026" -%}
  {{- "Today: " ~ today ~ "\\n" -}}
  {{- "Reasoning: " + reasoning_mode + "\\n\\n" -}}
  {%- if custom_instructions -%}
    {{- custom_instructions + "\\n\\n" -}}
  {%- endif -%}
  {%- if xml_tools or python_tools or tools -%}
    {%- set ns = namespace(xml_tool_string="<tools>\\n") -%}
    {%- for tool in xml_tools or tools -%}
      {%- set ns.xml_tool_string = ns.xml_tool_string ~ (tool | string) ~ "\\n" -%}
    {%- endfor -%}
    {{- ns.xml_tool_string + "</tools>\\n" -}}
  {%- endif -%}
{%- endif -%}
{{- "<|im_end|>\\n" -}}
{%- for message in messages -%}
  {%- set content = message.content if message.content is string else "" -%}
  {%- if message.role == "user" -%}
    {{ "<|im_start|>" + message.role + "\\n"  + content + "<|im_end|>\\n" }}
  {%- elif message.role == "assistant" -%}
    {% generation %}
    {%- if reasoning_mode == "/think" -%}
      {{ "<|im_start|>assistant\\n" + content.lstrip("\\n") + "<|im_end|>\\n" }}
    {%- else -%}
      {{ "<|im_start|>assistant\\n" + "<think>\\n\\n</think>\\n" + content.lstrip("\\n") + "<|im_end|>\\n" }}
    {%- endif -%}
    {% endgeneration %}
  {%- elif message.role == "tool" -%}
    {{ "<|im_start|>user\\n"  + content + "<|im_end|>\\n" }}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{ "<|im_start|>assistant\\n" if reasoning_mode == "/think" else "<|im_start|>assistant\\n<think>\\n\\n</think>\\n" }}
{%- endif -%}
"""
MODELS["deepseek r1"] = (
    "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{% set ns = namespace(is_first=false, is_tool=false, is_output_first=true, system_prompt='') %}"
    "{%- for message in messages %}{%- if message['role'] == 'system' %}{% set ns.system_prompt = message['content'] %}{%- endif %}{%- endfor %}{{bos_token}}{{ns.system_prompt}}"
    "{%- for message in messages %}{%- if message['role'] == 'user' %}{%- set ns.is_tool = false -%}{{'<｜User｜>' + message['content']}}{%- endif %}"
    "{%- if message['role'] == 'assistant' and message['tool_calls'] is defined and message['tool_calls'] is not none %}{%- set ns.is_tool = false -%}"
    "{%- for tool in message['tool_calls']%}{%- if not ns.is_first %}{{'<｜Assistant｜><｜calls▁begin｜>' + tool['type'] + '<｜sep｜>' + tool['function']['name'] + '\\n' + '```json' + '\\n' + tool['function']['arguments'] | tojson + '\\n' + '```'}}"
    "{%- set ns.is_first = true -%}{%- else %}{{'\\n' + tool['type'] + tool['function']['name']}}{%- endif %}{%- endfor %}{{'<｜calls▁end｜>'}}{%- endif %}"
    "{%- if message['role'] == 'assistant' and not message['tool_calls'] %}{%- if ns.is_tool %}{{'<｜outputs▁end｜>' + message['content'] + '<｜end｜>'}}{%- set ns.is_tool = false -%}"
    "{%- else %}{% set content = message['content'] %}{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}{{'<｜Assistant｜>' + content + '<｜end｜>'}}{%- endif %}{%- endif %}"
    "{%- if message['role'] == 'tool' %}{%- set ns.is_tool = true -%}{%- if ns.is_output_first %}{{'<｜outputs▁begin｜>' + message['content']}}{%- set ns.is_output_first = false %}"
    "{%- else %}{{'\\n' + message['content']}}{%- endif %}{%- endif %}{%- endfor -%}{% if ns.is_tool %}{{'<｜outputs▁end｜>'}}{% endif %}"
    "{% if add_generation_prompt and not ns.is_tool %}{{'<｜Assistant｜><think>\\n'}}{% endif %}")
MODELS["command-r"] = """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = 'You are Command.' %}{% endif %}
{%- macro json_to_python_type(json_spec) %}
{%- set basic_type_map = {"string": "str", "number": "float", "integer": "int", "boolean": "bool"} %}
{%- if basic_type_map[json_spec.type] is defined %}
{{- basic_type_map[json_spec.type] }}
{%- elif json_spec.type == "array" %}
{{- "List[" +  json_to_python_type(json_spec["items"]) + "]"}}
{%- elif json_spec.type is iterable %}
{{- "Union[" }}
{%- for t in json_spec.type %}
{{- json_to_python_type({"type": t}) }}
{%- if not loop.last %}
{{- "," }}
{%- endif %}
{%- endfor %}
{{- "]" }}
{%- else %}
{{- "Any" }}
{%- endif %}
{%- endmacro %}
{{ '<|START|><|SYSTEM|>' + system_message }}
{%- if tools %}
{{ '## Tools\\n' }}
{%- for tool in tools %}
{%- set tool = tool.function %}
{{- '```python\\ndef ' + tool.name + '(' }}
{%- for name, fields in tool.parameters.properties.items() %}
{{- name + ': ' + ('' if name in tool.parameters.required else 'Optional[') + json_to_python_type(fields) + ('' if name in tool.parameters.required else '] = None') }}
{%- if not loop.last %}{{ ', ' }}{% endif %}
{%- endfor %}
{{- ') -> List[Dict]:\\n    \\"\\"\\"' + tool.description + '\\n' }}
{%- if tool.parameters.properties | length != 0 %}
{{- '\\n    Args:' }}
{%- for name, fields in tool.parameters.properties | dictsort %}
{{- '\\n        ' + name + ' (' + json_to_python_type(fields) + '): ' + (fields.description | default('none', true)) | trim | capitalize }}
{%- endfor %}
{%- endif %}
{{- '\\n    \\"\\"\\"\\n    pass\\n```' }}
{%- endfor %}
{%- endif %}
{{ '<|END|>' }}
{%- if documents %}{{ '<|SYSTEM|><results>' }}{% for document in documents %}{{ '\\nDocument: ' }}{{ loop.index0 }}
{% for key, value in document.items() %}{{ key }}: {{ value }}
{% endfor %}{% endfor %}{{ '</results><|END|>' }}{% endif %}
{%- for message in loop_messages %}{% set content = message['content'] %}
{%- if message.role == 'user' %}{{ '<|USER|>' + content.strip() + '<|END|>' }}
{%- elif message.role == 'assistant' %}{% if message.tool_calls %}{{ '<|BOT|>Action:\\n' + message.tool_calls | map(attribute='function') | list | tojson(indent=2) }}{% else %}{{ '<|BOT|>' + content.strip() + '<|END|>' }}{% endif %}
{%- elif message.role | lower == 'tool' %}{{ '<|SYSTEM|>' ~ content | string | indent(4, first=true) ~ '<|END|>' }}{% endif %}{% endfor %}
{%- if add_generation_prompt %}{{ '<|BOT|>' }}{% endif %}"""


def render(text, variables):
    """The output, or None where there is an error."""
    try:
        return _compile_jinja_template(text).render(**json.loads(json.dumps(variables)))
    except Exception:  # whatever a template may end in
        return None


def usable(output):
    """Whether a case shows something: no address, no integer of more than 64 bits, which attend refuses."""
    return output is None or not re.search(r"\b\d{20,}\b", output) and not any(word in output for word in ("<generator", "<Macro", "<function", "<class", "<bound", "object at", "<built-in", "range(", "dict_",
                                                                              "<LoopContext", "<dict", "<itertools"))


def cases():
    bulk = []
    for name in NAMES:
        bulk += ["{{ " + e.strip().replace("@", name) + " }}" for e in FOR_EACH.split(" | ")]
        bulk += ["{{ " + name + " | " + f.strip() + " }}" for f in FILTERS.split(" | ")]
        bulk += ["{{ " + name + " | " + f.strip() + " | list }}" for f in ("reverse", "unique", "map('string')", "select", "reject('none')", "items")]
    bulk += ["{{ " + e + " }}" for e in EXPRESSIONS] + [s for s in STATEMENTS if s]
    for text in dict.fromkeys(bulk):
        output = render(text, VARIABLES["values"])
        if usable(output):
            yield [text, "values", output]


def models(templates):
    return {name: {"text": text, "outputs": {key: render(text, variables) for key, variables in CHATS.items()}} for name, text in templates.items()}


# ---- folders: which template, which special tokens ----

MARKED = "{% for m in messages %}{{ bos_token }}{{ m.role }} {{ m.content }}{{ eos_token }}{{ pad_token }}{% endfor %}{% if add_generation_prompt %}<s>{% endif %}"
SEEN = "{{ tools is none }}{{ documents is none }}{{ pad_token is defined }}{{ mask_token is defined }}{{ messages[0] | tojson }}{{ extra }}"
NAMED = [{"name": "default", "template": "D" + MARKED}, {"name": "tool_use", "template": "T{{ tools | length }}" + MARKED}]
PROMPTS = [
    ({"chat_template": MARKED}, {"messages": [{"role": "user", "content": "A dog"}]}),
    ({"chat_template": MARKED}, {"messages": [{"role": "user", "content": "A </s> dog"}, {"role": "assistant", "content": ""}], "add_generation_prompt": False}),
    ({"chat_template": MARKED, "pad_token": {"content": "<unk>", "__type": "AddedToken"}}, {"messages": [{"role": "user", "content": "A dog"}]}),
    ({"chat_template": MARKED, "bos_token": None, "eos_token": None}, {"messages": [{"role": "user", "content": "A dog"}]}),
    ({"chat_template": MARKED}, {"messages": [{"role": "user", "content": "A dog"}], "bos_token": "!"}),
    ({"chat_template": SEEN}, {"messages": [{"role": "assistant", "content": "A", "tool_calls": None, "reasoning": "hm"}], "extra": 3}),
    ({"chat_template": SEEN}, {"messages": [{"role": "assistant", "content": None, "thinking": "a", "reasoning_content": "b"}]}),
    ({"chat_template": NAMED}, {"messages": [{"role": "user", "content": "A dog"}]}),
    ({"chat_template": NAMED}, {"messages": [{"role": "user", "content": "A dog"}], "tools": [{"name": "f"}]}),
    ({"chat_template": NAMED[1:]}, {"messages": [{"role": "user", "content": "A dog"}]}),
    ({"chat_template": NAMED[:1]}, {"messages": [{"role": "user", "content": "A dog"}], "tools": [{"name": "f"}]}),
    ({}, {"messages": [{"role": "user", "content": "A dog"}]}),
    ({"chat_template": MARKED}, {"messages": []}),
    ({"chat_template": "{{ raise_exception('no') }}"}, {"messages": [{"role": "user", "content": "A dog"}]}),
]


def prompts():
    source = os.path.join(os.path.dirname(__file__), "../tests/data/generate_llama")
    for config, chat in PROMPTS:
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(os.path.join(source, "tokenizer.json"), folder)
            with open(os.path.join(source, "tokenizer_config.json"), encoding="utf-8") as file:
                settings = {**json.load(file), **config}
            with open(os.path.join(folder, "tokenizer_config.json"), "w", encoding="utf-8") as file:
                json.dump(settings, file)
            tokenizer = AutoTokenizer.from_pretrained(folder)
            variables = {"add_generation_prompt": True, **json.loads(json.dumps(chat))}
            conversation = variables.pop("messages")
            try:
                text = tokenizer.apply_chat_template(conversation, tokenize=False, **variables)
                ids = tokenizer.apply_chat_template(conversation, tokenize=True, return_dict=False, **variables)
            except Exception:  # whatever a template may end in
                text = ids = None
        yield {"config": settings, "chat": chat, "text": text, "ids": ids}


def main():
    templates = MODELS
    if arguments.templates:
        templates = {os.path.basename(path): open(path, encoding="utf-8").read()
                     for path in sorted(glob.glob(os.path.join(arguments.templates, "*.jinja")))}
    data = {"variables": VARIABLES, "cases": list(cases()), "chats": CHATS, "models": models(templates),
            "prompts": list(prompts())}
    with open(arguments.out, "w", encoding="utf-8") as out:
        json.dump(data, out, ensure_ascii=False, separators=(",", ":"))
        out.write("\n")
    errors = sum(case[2] is None for case in data["cases"])
    print(f"{len(data['cases'])} cases, {errors} of them errors; {len(templates)} templates,"
          f" {sum(o is None for m in data['models'].values() for o in m['outputs'].values())} errors of"
          f" {len(templates) * len(CHATS)}")


if __name__ == "__main__":
    main()
