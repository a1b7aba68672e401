package configinit

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// answers holds the answers so far.
type answers struct {
	page    string // URL; "" if there is none
	profile string // name of the shipped profile for the page; "" if there is none
	kind    *kind  // kind of the channel; nil if there is no channel
	// values holds the settings of the channel, by name.
	values         map[string]string
	stored         bool // the file with the secret of the channel existed before
	teams, leagues []string
	contact        string
	port           string // "" before it is known
}

const defaultPort = "8080"

// A kind is a kind of channel.
type kind struct {
	name     string // the answer to the question, such as mail
	channel  string // name of the channel in the config
	settings []setting
	// lines are lines of YAML: the channel with its settings. They contain names of settings in angle
	// brackets.
	lines []string
}

// A setting is a setting of a channel.
type setting struct {
	name, text, explain string
	example             string // a valid value, for checks before the value is known
	secret              bool   // every kind has one secret
	random              string // if not "", the default is this text and some random characters
}

var kinds = []kind{
	{
		name: "ntfy", channel: "phone", lines: []string{"ntfy: {url: <url>}"},
		settings: []setting{{
			name: "url", text: "Address of the topic", secret: true, random: "https://ntfy.sh/matchwire-",
			explain: "ntfy is a free service with an app for phones: https://ntfy.sh. Anyone who knows the " +
				"name of a topic can read it, so choose a long name.",
		}},
	},
	{
		name: "telegram", channel: "chat", lines: []string{"telegram:", "  token: <token>", "  chat: <chat>"},
		settings: []setting{{
			name: "token", text: "Token", secret: true,
			explain: "In Telegram, send /newbot to @BotFather. It shows the token of your new bot.",
		}, {
			name: "chat", text: "Chat", example: "1",
			explain: "Add the bot to a channel or a group. For a public channel, write @ and its name, such as " +
				"@ourclub. For a group or for yourself, write the ID of the chat, such as -1001234567890: your own " +
				"user name is not valid. To find the ID, see \"Telegram\" in matchwire help recipes.",
		}},
	},
	{
		name: "discord", channel: "chat", lines: []string{"discord: {url: <url>}"},
		settings: []setting{{
			name: "url", text: "Address of the webhook", secret: true,
			explain: "In Discord, open the settings of a channel. Choose Integrations, Webhooks, New Webhook " +
				"and Copy Webhook URL.",
		}},
	},
	{
		name: "slack", channel: "chat", lines: []string{"slack: {url: <url>}"},
		settings: []setting{{
			name: "url", text: "Address of the webhook", secret: true,
			explain: "In Slack, create an app with an incoming webhook:\nhttps://api.slack.com/messaging/webhooks",
		}},
	},
	{
		name: "mail", channel: "mail",
		lines: []string{
			"smtp:", "  server: <server>", "  user: <address>", "  password: <password>", "  from: <address>",
			"  to: [<address>]",
		},
		settings: []setting{{
			name: "server", text: "Mail server",
			explain: "Which server sends your mails? Write its name and its port, such as mail.example:587.",
		}, {
			name: "address", text: "Mail address", example: "me@club.example",
			explain: "Which mail address is yours? It is the sender and the recipient of alerts, and your user " +
				"name at the server. You can change each of them in the config.",
		}, {
			name: "password", text: "Password", example: "x", secret: true,
			explain: "What is your password at the mail server? Many services want an app password here.",
		}},
	},
	{
		name: "webhook", channel: "hook", lines: []string{"webhook: {url: <url>}"},
		settings: []setting{{
			name: "url", text: "Address of your server", secret: true,
			explain: "Each alert is a POST request with JSON: see \"Webhooks\" in matchwire help notify.md.",
		}},
	},
}

// Channels returns the valid answers to the question for a channel.
func Channels() []string {
	names := []string{"none"}
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// secret returns the setting that is secret.
func (k *kind) secret() setting {
	for _, s := range k.settings {
		if s.secret {
			return s
		}
	}
	panic("no secret setting in " + k.name)
}

// secretFile returns the name of the file with the secret.
func (k *kind) secretFile() string { return k.name + "-" + k.secret().name + ".secret" }

// config returns the config. If inline is true, it contains the secret itself. Otherwise it names the
// file with the secret.
func (a *answers) config(inline bool) []byte {
	var b strings.Builder
	line := func(indent int, format string, args ...any) {
		fmt.Fprintf(&b, strings.Repeat("  ", indent)+format+"\n", args...)
	}
	line(0, "# The config of matchwire. After a change, run matchwire check. A line that begins with # has no effect.")
	line(0, "# To read a page of the documentation, run matchwire help PAGE, such as matchwire help sources.")
	line(0, "")
	a.writeSources(line)
	a.writeFetch(line)
	line(0, "# What receives the events: see matchwire help consumers")
	line(0, "consumers:")
	line(1, "scoreboard: # keeps the scores that the API returns: see matchwire help api")
	line(1, "# archive: # stores all events in a database")
	line(1, "notify: # sends alerts: see matchwire help notify.md")
	a.writeChannels(line, inline)
	a.writeRules(line)
	line(2, "# language: de # of the alerts: en, de, es or fr; default: en")
	line(0, "")
	line(0, "# The address of the live page and the API. Only this machine can connect to localhost.")
	port := a.port
	if port == "" {
		port = defaultPort
	}
	line(0, "listen: %s", quote(net.JoinHostPort("localhost", port)))
	line(0, "")
	line(0, "# Keep copies of the pages that a profile cannot read:")
	line(0, "# failed_pages: failed # name of a folder")
	return []byte(b.String())
}

// A lineWriter writes a line of the config. Its indentation is a number of levels.
type lineWriter func(indent int, format string, args ...any)

func (a *answers) writeSources(line lineWriter) {
	line(0, "# The pages to poll: see matchwire help sources")
	if a.profile == "" {
		url := a.page
		if url == "" {
			url = "https://mysite.example/live/42"
		}
		line(0, "# Each page needs a profile. To write one, follow \"Add a site\" in matchwire help getting-started.")
		line(0, "# matchwire help profiles.md describes all rules. Then remove the # from these lines:")
		line(0, "# sources:")
		line(0, "#   - url: %s", quote(url))
		line(0, "#     profile: mysite.yaml # the file of your profile")
		line(0, "#     match: my-match # the ID of the match, if the page shows no ID")
	} else {
		line(0, "sources:")
		line(1, "- url: %s", quote(a.page))
		line(2, "profile: %s # matchwire profiles lists all profiles", a.profile)
		line(2, "# every: 30s # interval while a match is live; default: 15s")
		line(1, `# - {url: "https://mysite.example/{date}", profile: mysite.yaml, zone: Europe/London}`)
	}
	line(0, "")
}

func (a *answers) writeFetch(line lineWriter) {
	line(0, "# The requests to sites. Each request shows the contact, so that the owner of a site can reach you.")
	if a.contact == "" {
		line(0, "# fetch:")
		line(0, "#   contact: me@club.example # a mail address, or the address of a web page")
		line(0, "#   per_host: 1s # minimum time between two requests to a host; default: 250ms")
	} else {
		line(0, "fetch:")
		line(1, "contact: %s", quote(a.contact))
		line(1, "# per_host: 1s # minimum time between two requests to a host; default: 250ms")
	}
	line(0, "")
}

func (a *answers) writeChannels(line lineWriter, inline bool) {
	if a.kind == nil {
		line(2, "# Without a channel, alerts are only in the log.")
		line(2, "# channels:")
		line(2, "#   phone: {ntfy: {url: https://ntfy.sh/YOUR-TOPIC}} # a topic of the app ntfy")
		return
	}
	var pairs []string
	for _, s := range a.kind.settings {
		value, ok := a.values[s.name]
		if !ok {
			value = s.example
		}
		value = quote(value)
		if s.secret && !inline {
			value = "{file: " + a.kind.secretFile() + "}"
		}
		pairs = append(pairs, "<"+s.name+">", value)
	}
	replacer := strings.NewReplacer(pairs...)
	line(2, "channels:")
	line(3, "%s: # to test it, run matchwire notify try %[1]s", a.kind.channel)
	for _, text := range a.kind.lines {
		line(4, "%s", replacer.Replace(text))
	}
	line(3, "# desk: {webhook: {url: {env: DESK_URL}}} # reads a secret from the environment variable DESK_URL")
}

func (a *answers) writeRules(line lineWriter) {
	line(2, "# Without kinds and topics, a rule selects goals, red cards, starts, ends and other changes of status.")
	if a.teams == nil && a.leagues == nil {
		line(2, "# rules:")
		line(2, "#   - {teams: [Toronto FC], kinds: [goal, match_end]}")
		line(2, "#   - {teams: [Toronto FC], before: 15m} # a reminder before kick-off")
		return
	}
	line(2, "rules:")
	if a.teams != nil {
		line(3, "- teams: [%s]", quoteAll(a.teams))
	}
	if a.leagues != nil {
		line(3, "- topics: [%s]", quoteAll(a.leagues))
		line(4, "kinds: [goal, red_card, match_start, match_end, kickoff_changed]")
	}
	line(3, "# - {teams: [Toronto FC], before: 15m} # a reminder before kick-off")
}

// quote returns a text as a YAML string in double quotes.
func quote(text string) string { return strconv.Quote(text) }

// quoteAll returns texts as YAML strings, separated by commas.
func quoteAll(texts []string) string {
	var all []string
	for _, t := range texts {
		all = append(all, quote(t))
	}
	return strings.Join(all, ", ")
}
