package notify_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// hostile contains names with the markup of each service. A page could contain such names.
var hostile = []string{
	"@everyone @here @channel @all @room @goals <!channel> <!here|x> <@U123> <@&42> <@!42> <#C1|general> <users/all> " +
		"~town-square #hash",
	"[click](https://evil.example/x) <https://evil.example|home> https://evil.example www.evil.example evil.example " +
		"a@evil.example mailto:a@evil.example",
	"HTTPS://EVIL.EXAMPLE/x http://evil.example:80 x.y.evil.example",
	"![image](https://evil.example/i.png) [ref]: https://evil.example [ref]",
	"**bold** __under__ ~~strike~~ ||spoiler|| *i* _i_ ~s~ `code` ``` fence",
	"\\*escaped\\* \\\\ \\[x](https://evil.example) \\@everyone \\",
	"<b>bold</b> <a href=\"https://evil.example\">x</a> &lt;b&gt; &amp; &#64;all <script>",
	"/start /ban@bot :smile: :+1: $x^2$ {{DATE(2026-01-01T00:00:00Z,SHORT)}} <t:1700000000:R> <:goal:42> </cmd:1>",
	":a:b:c: :goal::soccer: WWW.evil.example",
	"first\n    indented\n\tcode\n\n    more",
	"=?utf-8?q?forged?= =?utf-8?b?Zm9yZ2Vk?=",
	"\u202eevil\u202c \u2066x\u2069 \x1b[31mred\x1b[0m \x00\x07\u009b bell \ufeff bad\xff",
	"Subject\r\nBcc: a@evil.example\r\n\r\nbody\u2028line\u2029",
	"Saint-Étienne 1. FC Köln & Brighton \"St.Pauli\" 's-Hertogenbosch",
	strings.Repeat("漢*_[<@", 60),
}

// lineStarts contains names that are markup at the beginning of a line.
var lineStarts = []string{"# heading", "-# small", "> quote", ">>> quote", "- item", "* item", "+ item", "1. item",
	"2) item", "===", "---", "~~~", "```"}

// Names from a page are shown as text: no service turns them into a mention, a link or formatting.
func TestHostileTextIsShownAsText(t *testing.T) {
	all := channels()
	all["webhook with a body"] = withBody
	visible := func(text string) string { return strings.ReplaceAll(text, "\u2060", "") }
	for kind, newChannel := range all {
		t.Run(kind, func(t *testing.T) {
			c := newChannel(t, answerTimeout)
			for _, name := range slices.Concat(hostile, lineStarts) {
				e := goal(t, func(d *event.Data) {
					d.Player, d.Team, d.Match.Home, d.Match.Away = name, name, name, "x "+name
					d.Time, d.Clock = "", nil // without a time, the body begins with the name
				})
				if err := c.w.deliver(c.name, e); err != nil {
					t.Errorf("%q: deliver: error %v, want nil", name, err)
					continue
				}
				want := notify.Render(e)
				got, active := c.takeOnly()
				if visible(got.Title) != want.Title || visible(got.Body) != want.Body && !strings.HasSuffix(got.Body, "…") {
					t.Errorf("%q\ngot title  %q\ngot body   %q\nwant title %q\nwant body  %q",
						name, got.Title, got.Body, want.Title, want.Body)
				}
				if len(active) > 0 {
					t.Errorf("%q is shown as %q\nwith the active elements %q, want none", name, got.Title+"\n"+got.Body, active)
				}
			}
		})
	}
	t.Run("smtp", func(t *testing.T) {
		s := newMailServer(t)
		w := newWorld(t, s.settings(oneMailbox))
		for i, name := range slices.Concat(hostile, lineStarts) {
			e := goal(t, func(d *event.Data) { d.Player, d.Team, d.Match.Home, d.Time, d.Clock = name, name, name, "", nil })
			if err := w.deliver("mail", e); err != nil {
				t.Errorf("%q: deliver: error %v, want nil", name, err)
				return
			}
			l, want := s.all()[i], notify.Render(e)
			body := visible(strings.ReplaceAll(l.Body, "\r\n", "\n"))
			if l.Title != want.Title || body != want.Body || l.to != "desk@club.example" {
				t.Errorf("%q\ngot title  %q\ngot body   %q\nwant title %q\nwant body  %q",
					name, l.Title, l.Body, want.Title, want.Body)
			}
			if len(l.header) != 11 || l.header.Get("Bcc") != "" {
				t.Errorf("%q: got headers %v, want 11 without Bcc", name, l.header)
			}
			if found := links.FindAllString(l.Body, -1); found != nil {
				t.Errorf("%q: the mail has the links %q, want none", name, found)
			}
		}
	})
}

// withBody returns a webhook channel with a body and a header. Such a channel can send to a
// service that no other kind of channel supports.
func withBody(t *testing.T, _ time.Duration) channel {
	s := serve(t, false, http.StatusOK, "", func(s *service, r *http.Request, body []byte) (string, shown, error) {
		var m struct{ Title, Text string }
		if err := decode(body, &m); err != nil {
			return "", shown{}, err
		}
		if r.Header.Get("Access-Token") != testenv.Secret || r.Header.Get("Content-Type") != "application/json" {
			return "", shown{}, fmt.Errorf("headers %v: want the Access-Token and Content-Type application/json", r.Header)
		}
		s.findActive(m.Text, links, mentions)
		return s.next(), shown{m.Title, m.Text}, nil
	})
	return channel{s, newWorld(t, "channels:\n  hook:\n    webhook:\n      url: '"+s.URL+"'\n"+
		"      headers: {Access-Token: "+testenv.Secret+"}\n"+
		"      body: '{title, text: .body}'\n"), "hook"}
}

// Clean removes only characters that can change how other text is shown.
func TestClean(t *testing.T) {
	// Flags, family emoji and Persian contain invisible characters.
	const invisible = "Türkiye \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f " +
		"\U0001f468\u200d\U0001f467 می\u200cخواهم"
	for text, want := range map[string]string{
		"a\u202eb\u2066c\u2069d":     "abcd",
		"a\x00b\x1b[31mc\u009bd\x7f": "ab[31mcd",
		"a\tb\r\nc\u2028d\u0085e":    "a b \nc d e",
		"a\xffb":                     "ab",
		invisible:                    invisible,
	} {
		if got := send.Clean(text); got != want {
			t.Errorf("Clean(%q): got %q, want %q", text, got, want)
		}
	}
}
