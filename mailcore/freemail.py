"""Where people have their private mailboxes: who writes from there belongs to no firm by that."""

from mailcore.wording import listed

FREE_MAIL = frozenset(
    listed(
        "aol.com|atlas.cz|azet.sk|bk.ru|bluewin.ch|centrum.cz|centrum.sk|email.cz|free.fr|freemail.hu|"
        "freenet.de|gmail.com|gmx.at|gmx.ch|gmx.de|gmx.net|googlemail.com|hotmail.com|hotmail.de|"
        "hotmail.fr|hotmail.it|icloud.com|inbox.lv|interia.pl|laposte.net|libero.it|list.ru|live.com|"
        "mac.com|mail.com|mail.ru|me.com|msn.com|naver.com|o2.pl|onet.pl|orange.fr|outlook.com|"
        "outlook.de|post.cz|post.sk|proton.me|protonmail.com|qq.com|rambler.ru|sapo.pt|seznam.cz|"
        "t-online.de|terra.com.br|tiscali.it|ukr.net|uol.com.br|virgilio.it|volny.cz|wanadoo.fr|web.de|"
        "wp.pl|yahoo.co.jp|yahoo.co.uk|yahoo.com|yahoo.de|yahoo.es|yahoo.fr|yahoo.it|yandex.ru|ymail.com|"
        "ziggo.nl|zoznam.sk|163.com|126.com"
    )
)
