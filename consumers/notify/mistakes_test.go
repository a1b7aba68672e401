package notify_test

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/consumers/consumertest"
	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// New returns an error for each of these mistakes in the settings. The error contains the position of
// the mistake. It also contains the value, unless the value may be secret.
func TestMistakes(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("bad.json", `{"public": "x", "private": "`+testenv.Secret+`"}`)
	write("empty", "\n")
	write("unclosed/en.yaml", "titles:\n  goal: 'Goal'\n  red_card: 'Red \\(.player'\n")
	write("unknown/en.yaml", "titles:\n  goal: 'Goal of \\(.scorer)'\n")
	write("nested/en.yaml", "body: |\n  \\(.kind)\n  \\(when(.score; .score.hme))\n")
	write("function/en.yaml", "titles:\n  goal: '\\(.kind | upper)'\n")
	write("object/en.yaml", "titles:\n  goal: 'Goal\\(if .team then \" for \\(.team)\" end)'\n")
	write("endless/en.yaml", "titles:\n  goal: 'Goal \\(repeat(1) | select(. == 2))'\n")
	write("old/en.yaml", "titles:\n  goal: 'Goal of {{.Player}}'\n")
	write("oldbody/en.yaml", "body: '{{if .InPeriod}}{{.InPeriod}}{{end}}'\n")
	write("kind/en.yaml", "titles:\n  gaol: 'Goal'\n")
	write("sport/en.yaml", "titles:\n  cricket.goal: 'Goal'\n")
	write("detail/en.yaml", "titles:\n  goal.Own goal: 'Goal'\n")
	write("member/en.yaml", "titels:\n  goal: 'Goal'\n")
	write("none/readme", "")
	if err := (&notify.MakeKeys{File: filepath.Join(dir, "vapid.json")}).Run(io.Discard); err != nil {
		t.Fatal(err)
	}
	const hook = "channels:\n  hook: {log: {}}\nrules:\n  - kinds: [goal]\n"
	for _, tc := range []struct{ settings, want string }{
		{hook + "  - {topics: [soccer.mls]}",
			`5:15: rules[1].topics[0]: topic pattern "soccer.mls" matches no event`},
		{hook + "  - {kinds: [goal, gaol]}",
			`5:20: rules[1].kinds[1]: there is no kind "gaol"`},
		{hook + "  - {to: [phone]}",
			`5:11: rules[1].to[0]: no channel "phone": want one of hook`},
		{hook + "  - {delay: 1h}",
			`5:5: rules[1]: delay 1h0m0s: want at most 10m0s`},
		{hook + "  - {delay: soon}",
			`5:13: rules[1].delay: "soon": want a duration`},
		{hook + "  - {language: tlh}",
			`5:16: rules[1].language: no texts in language "tlh": want one of de, en, es, fr`},
		{hook + "  - {quiet: {from: '22:00', until: '7 pm'}}",
			`rules[1].quiet.until: quiet.until "7 pm": want a time of day`},
		{hook + "  - {quiet: {from: '22:00'}}",
			`quiet.until "": want a time of day`},
		{hook + "  - {quiet: {from: '22:00', until: '22:00'}}",
			"quiet: from and until are both 22:00"},
		{hook + "  - {quiet: {from: '22:00', until: '07:00', zone: Mars}}",
			`zone "Mars": want a time zone like Europe/Berlin`},
		{hook + "  - {before: soon}",
			`5:14: rules[1].before: "soon": want a duration`},
		{hook + "  - {before: 10s}",
			"5:5: rules[1]: before 10s: want 1m0s to 24h0m0s"},
		{hook + "  - {before: 25h}",
			"before 25h0m0s: want 1m0s to 24h0m0s"},
		{hook + "  - {before: 15m, kinds: [goal]}",
			"5:5: rules[1]: before: a reminder has no kinds"},
		{hook + "  - {before: 15m, delay: 45s}",
			"before: a reminder has no delay"},
		{hook + "  - {before: 15m, topics: [soccer.mls.goal]}",
			`5:28: rules[1].topics[0]: topic pattern "soccer.mls.goal": a rule with before chooses matches`},
		{"channels:\n  hook: {log: {}, correction_sound: loud}",
			`2:37: channels.hook.correction_sound: "loud": want scorer, all or none`},
		{hook + "  - {team: [X]}",
			`5:6: unknown field "team"`},
		{"language: tlh",
			`1:11: language: no texts in language "tlh"`},
		{"max_age: 3",
			`max_age: "3": want a duration`},
		{"channels:\n  Hook: {log: {}}",
			`channel "Hook": want 1 to 40 characters from a-z`},
		{"channels:\n  hook: {}",
			"2:9: channels.hook: channel hook: want exactly one of log, webhook, webpush, ntfy, gotify, pushover, discord, " +
				"slack, mattermost, matrix, teams, telegram or smtp, found 0"},
		{"channels:\n  hook: {log: {}, slack: {url: 'https://x.example'}}",
			"found 2"},
		{"channels:\n  hook: {log: {}, rate: 5}",
			`rate: "5": want a rate like 5/s, 30/m or 1000/h`},
		{"channels:\n  hook: https://x.example/" + testenv.Secret,
			"2:9: channels.hook: want a channel"},
		{"channels:\n  hook: {webhook: 'https://x.example/" + testenv.Secret + "'}",
			"channels.hook.webhook: want {url: …}"},
		{"channels:\n  hook: {webhook: {url: 'x.example/" + testenv.Secret + "'}}",
			"2:25: channels.hook.webhook.url: url: want http://… or https://…"},
		{"channels:\n  hook: {webhook: {url: [" + testenv.Secret + "]}}",
			"webhook.url: want a string, {file: NAME} or {env: NAME}"},
		{"channels:\n  hook: {webhook: {url: {file: a, env: b}}}",
			"want a string, {file: NAME} or {env: NAME}"},
		{"channels:\n  hook: {webhook: {url: {file: nowhere}}}",
			"nowhere: no such file"},
		{"channels:\n  hook: {webhook: {url: {file: empty}}}",
			"file empty is empty"},
		{"channels:\n  hook: {webhook: {url: {env: NOT_SET_AT_ALL}}}",
			"environment variable NOT_SET_AT_ALL is empty"},
		{"channels:\n  hook: {webhook: {url: 'https://x.example', secret: " + testenv.Secret + "}}",
			"webhook.secret: want whsec_"},
		{"channels:\n  hook: {ntfy: {url: 'https://ntfy.example/'}}",
			"want the URL of a topic"},
		{"channels:\n  hook: {ntfy: {url: 'ftp://ntfy.example/x'}}",
			"want http://… or https://…"},
		{"channels:\n  hook: {shoutrrr: 'discord://" + testenv.Secret + "@1'}",
			"2:20: channels.hook.shoutrrr: shoutrrr is no longer supported: for discord:// write " +
				"discord: {url: https://discord.com/api/webhooks/ID/TOKEN}"},
		{"channels:\n  hook: {shoutrrr: 'generic+https://h.example/" + testenv.Secret + "'}",
			"for generic:// write webhook: {url: …}"},
		{"channels:\n  hook: {shoutrrr: 'pigeon://" + testenv.Secret + "'}",
			"shoutrrr is no longer supported: docs/notify.md lists the successors of its services"},
		{"channels:\n  hook: {shoutrrr: {env: NOT_SET_AT_ALL}}",
			"shoutrrr is no longer supported: docs/notify.md"},
		{"channels:\n  hook: {log: {}, shoutrrr: 'logger://'}",
			"found 2"},
		{"channels:\n  hook: {discord: {url: 'https://discord.com/channels/1/" + testenv.Secret + "'}}",
			"2:25: channels.hook.discord.url: url: want the URL of a webhook"},
		{"channels:\n  hook: {discord: {url: 'https://discord.com/api/webhooks/12345678901234567/" +
			strings.Repeat("a", 66) + "'}}", "with a token of at least 68 characters"},
		{"channels:\n  hook: {discord: {url: 'https://ptb.discord.com/api/v10/webhooks/1/" +
			strings.Repeat("a", 68) + "'}}", "want the URL of a webhook"},
		{"channels:\n  hook: {discord: {}}",
			"2:9: channels.hook: discord.url is missing"},
		{"channels:\n  hook: {slack: {}}",
			"2:9: channels.hook: slack.url is missing"},
		{"channels:\n  hook: {slack: 'https://hooks.slack.com/" + testenv.Secret + "'}",
			"channels.hook.slack: want {url: https://hooks.slack.com/services/…}"},
		{"channels:\n  hook: {mattermost: {}}",
			"2:9: channels.hook: mattermost.url is missing"},
		{"channels:\n  hook: {teams: {url: 'https://club.webhook.office.com/" + testenv.Secret + "'}}",
			"club.webhook.office.com is for connectors, which Microsoft retired"},
		{"channels:\n  hook: {matrix: {token: x, room: '!a'}}",
			"2:9: channels.hook: matrix.server is missing"},
		{"channels:\n  hook: {matrix: {server: 'https://m.example', room: '!a'}}",
			"2:9: channels.hook: matrix.token is missing"},
		{"channels:\n  hook: {matrix: {server: 'https://m.example', token: x, room: '#a:m.example'}}",
			`room "#a:m.example": want the ID of a room`},
		{"channels:\n  hook: {matrix: {server: 'https://m.example', token: x}}",
			`2:9: channels.hook: room "": want the ID of a room`},
		{"channels:\n  hook: {gotify: {server: 'https://g.example'}}",
			"2:9: channels.hook: gotify.token is missing"},
		{"channels:\n  hook: {gotify: {server: 'https://g.example', token: \"a b" + testenv.Secret + "\"}}",
			"gotify.token: want a token without spaces"},
		{"channels:\n  hook: {pushover: {token: azGDORePK8gMaC0QOYAMyEEuzJnyUi}}",
			"2:9: channels.hook: pushover.user is missing"},
		{"channels:\n  hook: {webhook: {url: 'https://x.example', body: '{\"text\": {{json .Text}}}'}}",
			"2:52: channels.hook.webhook.body: body: this is a Go template, and matchwire now uses jq: " +
				"write .text instead of {{.Text}}"},
		{"channels:\n  hook: {webhook: {url: 'https://x.example', body: '{a: .txt}'}}",
			"there is no field .txt; did you mean .text?"},
		{"channels:\n  hook: {webhook: {url: 'https://x.example', body: 'empty'}}", "body: the expression has no result"},
		{"channels:\n  hook: {webhook: {url: 'https://x.example', body: '.url'}}", "body: the result is null"},
		{"channels:\n  hook: {webhook: {url: 'https://x.example', body: '{text'}}", `body: unexpected EOF`},
		{"channels:\n  hook: {webhook: {url: 'https://x.example', body: '[range(1e9)]'}}",
			"body: the query needs more than "},
		{"channels:\n  hook: {webhook: {url: 'https://x.example', headers: {'a b': x}}}",
			`headers: "a b": want the name of a header`},
		{"channels:\n  hook: {smtp: {from: a@b.example, to: [c@d.example]}}",
			`2:9: channels.hook: server "": want HOST:PORT`},
		{"channels:\n  hook: {smtp: {server: mail.example, from: a@b.example, to: [c@d.example]}}",
			`server "mail.example": want HOST:PORT`},
		{"channels:\n  hook: {smtp: {server: 'mail.example:587', from: goals, to: [c@d.example]}}",
			`from "goals": want an address`},
		{"channels:\n  hook: {smtp: {server: 'mail.example:587', from: a@b.example}}",
			"2:9: channels.hook: to: want a list of addresses"},
		{"channels:\n  hook: {smtp: {server: 'mail.example:587', from: a@b.example, to: [c@d.example, desk]}}",
			`channels.hook.smtp.to[1]: to "desk": want an address`},
		{"channels:\n  hook: {smtp: {server: 'mail.example:587', from: a@b.example, to: [c@d.example], tls: ssl}}",
			`tls "ssl": want starttls, implicit or none`},
		{"channels:\n  hook: {smtp: {server: 'mail.example:587', from: a@b.example, to: [c@d.example], user: me}}",
			"want both user and password, or neither"},
		{"channels:\n  hook: {smtp: {server: 'mail.example:25', from: a@b.example, to: [c@d.example], " +
			"tls: none, user: me, password: " + testenv.Secret + "}}",
			"the password would be sent in plain text to mail.example"},
		{"channels:\n  hook: {webpush: {keys: vapid.json}}",
			`contact "": want mailto:… or https://…`},
		{"channels:\n  hook: {pushover: {token: x, user: y}}",
			"2:28: channels.hook.pushover.token: pushover.token: want 30 letters and digits"},
		{"channels:\n  hook: {pushover: {token: azGDORePK8gMaC0QOYAMyEEuzJnyUi, user: " + testenv.Secret + "}}",
			"channels.hook.pushover.user: pushover.user: want 30 letters and digits"},
		{"channels:\n  hook: {pushover: {server: 'https://p.example', token: x, user: y, device: my phone}}",
			`device "my phone": want names of devices`},
		{"channels:\n  hook: {telegram: {token: abc, chat: me}}",
			"2:28: channels.hook.telegram.token: telegram.token: want the token that @BotFather shows"},
		{"channels:\n  hook: {telegram: {token: '123456:" + testenv.Secret + "', chat: '@goals'}}",
			"digits, a colon and 35 characters"},
		{"channels:\n  hook: {telegram: {token: '110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0', chat: me}}",
			`2:83: channels.hook.telegram.chat: chat "me": want the ID of a chat`},
		{"channels:\n  hook: {telegram: {token: '110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw', chat: '@goals'}}",
			"digits, a colon and 35 characters"},
		{"channels:\n  hook: {telegram: {server: 'https://t.example', token: x, chat: 'https://t.me/goals'}}",
			`chat "https://t.me/goals": want the ID of a chat`},
		{"channels:\n  hook: {telegram: {server: 'https://t.example', token: x, chat: '@a b'}}",
			`chat "@a b": want the ID of a chat`},
		{"channels:\n  hook: {discord: {url: 'https://discord.com/webhooks/1/" + testenv.Secret + "'}}",
			"2:25: channels.hook.discord.url: url: want the URL of a webhook"},
		{"channels:\n  hook: {slack: {url: 'https://hooks.slack.com/services/" + testenv.Secret + "'}}",
			"2:23: channels.hook.slack.url: url: want the URL of an incoming webhook"},
		{"channels:\n  hook: {slack: {url: 'https://proxy.example'}}",
			"url: want the URL of an incoming webhook"},
		{"channels:\n  hook: {mattermost: {url: 'https://m.example/" + testenv.Secret + "'}}",
			"2:28: channels.hook.mattermost.url: url: want the URL of an incoming webhook"},
		{"channels:\n  hook: {teams: {url: 'https://flow.example/'}}",
			"url: want the URL of a workflow"},
		{"channels:\n  hook: {gotify: {server: 'https://g.example', token: CyGWFu8OuXXHnaN}}",
			"gotify.token: want the token of an application, not of a client"},
		{"channels:\n  hook: {matrix: {server: 'https://m.example', token: x, room: '!a b:m.example'}}",
			`room "!a b:m.example": want the ID of a room`},
		{"channels:\n  hook: {ntfy: {url: 'https://ntfy.sh/docs'}}",
			"2:22: channels.hook.ntfy.url: url: want the URL of a topic"},
		{"channels:\n  hook: {ntfy: {url: 'https://ntfy.sh/goals', token: " + testenv.Secret + "}}",
			"ntfy.token: token: want an access token: tk_ and 29 characters"},
		{"channels:\n  hook: {smtp: {server: 'mail.example:smtp', from: a@b.example, to: [c@d.example]}}",
			`server "mail.example:smtp": want HOST:PORT`},
		{"channels:\n  hook: {smtp: {server: 'mail.example:99999', from: a@b.example, to: [c@d.example]}}",
			`server "mail.example:99999": want HOST:PORT`},
		{"channels:\n  hook: {webpush: {keys: none.json, contact: 'mailto:a@b.example'}}",
			"2:26: channels.hook.webpush.keys: open "},
		{"channels:\n  hook: {webpush: {keys: bad.json, contact: 'mailto:a@b.example'}}",
			`not a file that "matchwire notify keys" created`},
		{"channels: {}", "channels: want at least one"},
		{"rules: []", "rules: want at least one"},
		{"channels:\n  a: {log: {}}\n  b: {log: {}}\nrules:\n  - to: [a]",
			"3:6: channels.b: channel b: no rule applies to it"},
		{hook + "  - {topics: [soccer.mls.goal], kinds: [red_card]}",
			"5:5: rules[1]: no event matches both the topics and the kinds"},
		{hook + "  - {only: [leads]}",
			`5:13: rules[1].only[0]: only: "leads": want lead_changes, period_ends, or a value like "last 5m"`},
		{hook + "  - {only: [lead_changes, last 2h]}",
			`only: "last 2h": want a duration like 5m, above 0 and at most 1h0m0s`},
		{hook + "  - {only: [last five minutes]}", `only: "last five minutes": want a duration like 5m`},
		{hook + "  - {only: []}", "5:5: rules[1]: only: want at least one of"},
		{hook + "  - {kinds: [timeout], only: [lead_changes]}", "only: none of the kinds changes the score or ends a period"},
		{hook + "  - {kinds: [basket], only: [period_ends]}",
			"only: want period_ends here and period_end in kinds, or neither"},
		{hook + "  - {before: 5m, only: [last 5m]}", "before: a reminder has no only"},
		{hook + "  - {teams: ['']}", "teams and players: want non-empty names"},
		{"max_age: 30s\nrules:\n  - delay: 5m",
			"3:10: rules[0]: delay 5m0s: want at most 10m0s, and less than max_age (30s)"},
		{"channels:\n  hook: {webhook: {}}", "2:9: channels.hook: webhook.url is missing"},
		{"channels:\n  hook: {ntfy: {token: x}}", "2:9: channels.hook: ntfy.url is missing"},
		{"channels:\n  hook: {telegram: {chat: '@goals'}}", "2:9: channels.hook: telegram.token is missing"},
		{"channels:\n  hook: {telegram: {token: 1/2, chat: '@goals'}}", "telegram.token: want a token without spaces"},
		{"channels:\n  hook: {webpush: {keys: vapid.json, contact: 'mailto:a@b.example', " +
			"services: ['https://push.example/x']}}",
			`services: "https://push.example/x": want a host`},
		{hook + "  - {topics: [soccer.mls.goals]}", `topic pattern "soccer.mls.goals": soccer has no kind "goals"`},
		{hook + "  - {topics: ['*.*.kaboom']}", `there is no kind "kaboom"`},
		{"link: club.example/{match}", `1:7: link: link "club.example/{match}": want the address of a match`},
		{"templates: nowhere", "1:12: templates: stat "},
		{"templates: none", "there are no language files"},
		{"templates: unclosed", `unclosed/en.yaml:3:13: titles.red_card: text "Red \\(.player": unterminated string literal`},
		{"templates: unknown", `unknown/en.yaml:2:9: titles.goal: text "Goal of \\(.scorer)": ` +
			"there is no field .scorer; did you mean .score?"},
		{"templates: nested", `nested/en.yaml:1:7: body: text "\\(.kind)\n\\(when(.score; .score.hme))\n": ` +
			"there is no field .hme; did you mean .home?"},
		{"templates: function", `text "\\(.kind | upper)": function not defined: upper/0`},
		{"templates: object", "a text cannot contain an object: want a string or a number. " +
			"An if without else returns its input"},
		{"templates: endless", `endless/en.yaml:2:9: titles.goal: text "Goal \\(repeat(1) | select(. == 2))": ` +
			"the query needs more than 0.2 million instructions"},
		{"templates: old", `old/en.yaml:2:9: titles.goal: text "Goal of {{.Player}}": ` +
			`this is a Go template, and matchwire now uses jq: write \(.player) instead of {{.Player}}`},
		{"templates: oldbody", `oldbody/en.yaml:1:7: body: text "{{if .InPeriod}}{{.InPeriod}}{{end}}": ` +
			`this is a Go template, and matchwire now uses jq: write \(.player) instead of {{.Player}}`},
		{"templates: kind", "kind/en.yaml:2:9: titles.gaol: unknown title"},
		{"templates: sport", "sport/en.yaml:2:17: titles.'cricket.goal': unknown title: want KIND, SPORT.KIND, KIND."},
		{"templates: detail", "detail/en.yaml:2:18: titles.'goal.Own goal': unknown title"},
		{"templates: member", `member/en.yaml:1:1: unknown field "titels"`},
	} {
		_, err := notify.New(consumertest.Host(t, tc.settings, dir, nil, slog.New(slog.DiscardHandler)))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s:\ngot  %v\nwant %s", tc.settings, err, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), "notify.view") {
			t.Errorf("%s: error %v, want one without a Go type", tc.settings, err)
		}
		testenv.NoSecret(t, err)
	}
	// A process that only declares the queues does not need the files.
	h := consumertest.Host(t, "templates: nowhere\nchannels:\n"+
		"  phones: {webpush: {keys: none.json, contact: 'mailto:a@b.example'}}\n"+
		"  hook: {webhook: {url: {file: nowhere}, secret: {env: NOT_SET_AT_ALL}}}\n", dir, nil, slog.New(slog.DiscardHandler))
	h.Elsewhere = true
	if c, err := notify.New(h); err != nil || len(c.Parts) != 2 {
		t.Errorf("New with Elsewhere: got %d parts, error %v, want 2 and no error", len(c.Parts), err)
	}
}

// The settings reject a contact that push services refuse. The error gives the reason.
func TestCaseContacts(t *testing.T) {
	for contact, want := range map[string]string{
		"mailto:me@localhost":               "localhost is not a public domain",
		"mailto:relay@club.local":           "the domain .local is not public",
		"mailto:ops@club.invalid":           "the domain .invalid is not public",
		"mailto:ops@club.test":              "the domain .test is not public",
		"mailto:ops@mail.lan":               "the domain .lan is not public",
		"mailto:ops@192.0.2.1":              "the host is an IP address",
		"mailto:ops@[192.0.2.1]":            "the host is an IP address",
		"mailto:":                           "not one mail address",
		"mailto:me":                         "not one mail address",
		"mailto:@club.org":                  "not one mail address",
		"mailto:Me <me@club.org>":           "not one mail address",
		"mailto: me@club.org":               "not one mail address",
		"mailto:me@club.org,you@club.org":   "not one mail address",
		"mailto:me@club.org?subject=alerts": "not one mail address",
		"mailto:me@club..org":               "not one mail address",
		"me@club.org":                       `the scheme is ""`,
		"http://club.org":                   `the scheme is "http"`,
		"https://localhost":                 "localhost is not a public domain",
		"https://localhost:8080/contact":    "localhost is not a public domain",
		"https://app.localhost/":            "the domain .localhost is not public",
		"https://192.168.1.20/":             "the host is an IP address",
		"https://[::1]/":                    "the host is an IP address",
		"https://":                          "it has no host",
		"https:///contact":                  "it has no host",
		"https://server":                    "server is not a public domain",
		"mailto:me@club.org":                "",
		"mailto:desk@club.example":          "",
		"https://club.org/contact":          "",
		"https://münchen.de":                "",
		"https://club.co.uk:8443":           "",
	} {
		w := newWorld(t, "channels: {a: {log: {}}}")
		err := w.try("channels:\n  phones: {webpush: {keys: vapid.json, contact: '" + contact + "'}}\n")
		position := "2:49: channels.phones.webpush.contact: contact " + strconv.Quote(contact) + ": want mailto:"
		switch {
		case want == "" && err != nil:
			t.Errorf("contact %s: error %v, want nil", contact, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), position) || !strings.HasSuffix(err.Error(), want)):
			t.Errorf("contact %s: error %v, want %s…%s", contact, err, position, want)
		}
	}
}

// The command creates a key file that only its owner can read. It does not overwrite an existing file.
func TestMakeKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "vapid.json")
	var out strings.Builder
	if err := (&notify.MakeKeys{File: file}).Run(&out); err != nil || len(strings.TrimSpace(out.String())) != 87 {
		t.Fatalf("Run: error %v, output %q, want a public key of 87 characters", err, out.String())
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: got mode %v, error %v, want 0600", info.Mode(), err)
	}
	if err := (&notify.MakeKeys{File: file}).Run(&out); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("Run again: got error %v, want an error that the file already exists", err)
	}
}

// docs/notify.md lists every kind of event. docs/profiles.md lists every kind of incident, and the
// kinds that need no side.
func TestDocumentedKinds(t *testing.T) {
	text, err := os.ReadFile("../../docs/notify.md")
	if err != nil {
		t.Fatal(err)
	}
	profiles, err := os.ReadFile("../../docs/profiles.md")
	if err != nil {
		t.Fatal(err)
	}
	profileRows := func(first string) string {
		rows := regexp.MustCompile(`(?mi)^\| `+first+` \| .*$`).FindAllString(string(profiles), -1)
		return strings.Join(rows, "\n")
	}
	_, side, _ := strings.Cut(string(profiles), "`side` or `team` is required, except for ")
	side, _, _ = strings.Cut(side, "\n\n")
	row := func(kinds []event.Kind) string {
		var words []string
		for _, k := range kinds {
			words = append(words, string(k))
		}
		return strings.Join(words, " ")
	}
	for _, s := range event.Sports() {
		if want := "| `" + string(s) + "` | `" + row(s.Rules().Kinds) + "` |"; !strings.Contains(string(text), want) {
			t.Errorf("docs/notify.md lacks %s", want)
		}
		kinds := profileRows(strings.ReplaceAll(string(s), "_", " "))
		for _, k := range s.Rules().Kinds {
			if !strings.Contains(kinds, "`"+string(k)+"`") {
				t.Errorf("docs/profiles.md lacks the kind %s of %s", k, s)
			}
			if k.SideOptional() && !strings.Contains(side, "`"+string(k)+"`") {
				t.Errorf("docs/profiles.md lacks the kind %s in the list of kinds that need no side", k)
			}
		}
	}
	for _, k := range event.CommonKinds() {
		if !strings.Contains(string(text), string(k)) {
			t.Errorf("docs/notify.md lacks kind %s", k)
		}
	}
}

// docs/notify.md lists the successor of every shoutrrr service.
func TestDocumentedSuccessors(t *testing.T) {
	text, err := os.ReadFile("../../docs/notify.md")
	if err != nil {
		t.Fatal(err)
	}
	for scheme, successor := range send.Successors {
		kind, _, _ := strings.Cut(successor, ":")
		if want := "| `" + scheme + "` | `" + kind; !strings.Contains(string(text), want) {
			t.Errorf("docs/notify.md lacks a row that begins with %s", want)
		}
	}
}
