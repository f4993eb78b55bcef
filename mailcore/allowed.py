"""What may stay in the HTML of a mail: tags, attributes, style properties. What is not named here goes."""

_FORMATTING = (
    "abbr address article aside b big bdi bdo caption center cite code dd del details dfn div dl dt em "
    "figcaption figure footer h1 h2 h3 h4 h5 h6 header i ins kbd main mark nav p pre q s samp section "
    "small span strike strong sub summary sup tbody tfoot thead time tr tt u var wbr"
)
_WITHOUT_CONTENT = "script style title noscript template textarea select object svg math"
# Properties whose values can name neither a URL nor a place outside the mail's own frame.
_PROPERTIES = (
    "background-color border border-bottom border-bottom-color border-bottom-style border-bottom-width "
    "border-collapse border-color border-left border-left-color border-left-style border-left-width "
    "border-radius border-right border-right-color border-right-style border-right-width "
    "border-spacing border-style border-top border-top-color border-top-style border-top-width "
    "border-width box-sizing clear color direction display float font font-family font-size font-style "
    "font-variant font-weight height letter-spacing line-height list-style-type margin margin-bottom "
    "margin-left margin-right margin-top max-height max-width min-height min-width overflow-wrap "
    "padding padding-bottom padding-left padding-right padding-top table-layout text-align "
    "text-decoration text-indent text-transform vertical-align white-space width word-break "
    "word-spacing word-wrap"
)
_MARKS_OF_QUOTES = "gmail_quote gmail_attr gmail_signature moz-cite-prefix moz-signature yahoo_quoted"

ON_ANY_TAG = {"align", "bgcolor", "color", "dir", "height", "lang", "style", "title", "valign", "width"}
ATTRIBUTES: dict[str, set[str]] = {
    "a": {"href", "name"},
    "img": {"src", "alt", "border", "hspace", "vspace"},
    "table": {"border", "cellpadding", "cellspacing", "summary"},
    "td": {"colspan", "rowspan", "nowrap"},
    "th": {"colspan", "rowspan", "nowrap", "scope"},
    "col": {"span"},
    "colgroup": {"span"},
    "font": {"face", "size"},
    "blockquote": {"type"},
    "ol": {"start", "type"},
    "ul": {"type"},
    "li": {"value"},
    "hr": {"size", "noshade"},
    "br": {"clear"},
}
TAGS = set(ATTRIBUTES) | set(_FORMATTING.split())
DROPPED_WITH_CONTENT = set(_WITHOUT_CONTENT.split())
STYLES = set(_PROPERTIES.split())
QUOTE_CLASSES = set(_MARKS_OF_QUOTES.split())
URL_SCHEMES = {"http", "https", "mailto", "tel", "cid", "data"}
