"""Mapping templates: what they may refer to, what they do, and what is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_sandbox.front_doors.mapping_template import rendered
from lambda_sandbox.front_doors.template_syntax import TemplateFault

BODY = '{"name": "O\'Brien \\"B\\"", "items": [{"sku": "a", "n": 2}, {"sku": "b", "n": 0}], "none": null}'
PARAMETERS = {"path": {"id": "5"}, "querystring": {"q": "x y"}, "header": {"X-Token": "t"}}


def render(template: str, body: str = BODY) -> str:
    return rendered(
        template, body, PARAMETERS, {"requestId": "r1", "identity": {"sourceIp": "::1"}}, {"env": "test"}
    )[0]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("$input.body", BODY),
        ("$input.json('$.items[0].sku')", '"a"'),
        ("$input.path('$.items').size()", "2"),
        ("$input.params('id')$input.params('q')$input.params('x-token')", "5x yt"),
        ("$input.params().querystring.q", "x y"),
        ("$util.escapeJavaScript($input.path('$.name'))", 'O\\\'Brien \\"B\\"'),
        ("$util.urlEncode('a b&c') $util.base64Encode('hi') $util.base64Decode('aGk=')", "a+b%26c aGk= hi"),
        ("$util.parseJson('{\"a\": [1, 2]}').a[1]", "2"),
        ("$context.requestId $context.identity.sourceIp $stageVariables.env", "r1 ::1 test"),
        ("[$context.nothing]", "[]"),
        ("$unknown ${unknown.x} [$!unknown]", "$unknown ${unknown.x} []"),
        ("costs $5 and 10% # of all", "costs $5 and 10% # of all"),
        ("a## gone\nb#* gone *#c", "abc"),
        ("#set($x = 2)\n#set($y = $x * 3 + 1)\n$y", "7"),
        ('#set($who = "Ada")"Hello $who"', '"Hello Ada"'),
        ('#set($a = "x")#set($b = "${a}-${a}y")$b', "x-xy"),
        ("#if(1 < 2 && !false)yes#{else}no#end", "yes"),
        ("#if($nothing)a#elseif('x' == 'y')b#else c#end", " c"),
        ("#foreach($i in [1..3])$i#if($foreach.hasNext),#end#end", "1,2,3"),
        ("#foreach($i in $input.path('$.items'))$foreach.index:$i.sku;#end", "0:a;1:b;"),
        ("#set($m = {'a': 1})#set($m.b = 2)$m.get('a')$m.b $m.keySet()", "12 [a, b]"),
        ("#set($l = [])#set($d = $l.add('x'))$l.size()", "1"),
        ("$input.path('$.items')", "[{sku=a, n=2}, {sku=b, n=0}]"),
    ],
)
def test_a_template_renders(template: str, text: str) -> None:
    assert render(template) == text


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("#macro(x)#end", "#macro is not emulated"),
        ("#if(true)", "#if has no #end"),
        ("#end", "#end without its beginning"),
        ("$input.fly()", r"fly\(\) is not emulated"),
        ("$input.path('$..x')", "step that is not emulated"),
        ("#set($x = )", "cannot read"),
        ("#foreach($i in [1..2000])x#end", "at most 1000"),
        ("#set($x = 1 / 0)", "cannot be rendered"),
    ],
)
def test_what_cannot_be_rendered_says_why(template: str, why: str) -> None:
    with pytest.raises(TemplateFault, match=why):
        render(template)


def test_a_template_may_change_the_response() -> None:
    context: dict[str, Any]
    template = (
        "#set($context.responseOverride.status = 418)#set($context.responseOverride.header.Pot = 'tea')"
    )
    _, context = rendered(template, "", PARAMETERS, {}, {})
    assert context["responseOverride"]["status"] == 418
    assert context["responseOverride"]["header"] == {"Pot": "tea"}
