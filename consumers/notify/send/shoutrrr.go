package send

import "strings"

// shoutrrr holds the settings of a kind of channel that is no longer supported: a URL of the
// library shoutrrr. sender always returns an error, which shows the successor or where to find it.
type shoutrrr struct{ secret }

// Successors maps the scheme of a shoutrrr URL to the settings that replace the URL. docs/notify.md has
// the same table.
var Successors = map[string]string{
	"discord":    "discord: {url: https://discord.com/api/webhooks/ID/TOKEN}",
	"slack":      "slack: {url: https://hooks.slack.com/services/…}",
	"mattermost": "mattermost: {url: https://HOST/hooks/KEY}",
	"rocketchat": "mattermost: {url: https://HOST/hooks/…}",
	"matrix":     "matrix: {server: https://HOST, token: …, room: '!…'}",
	"teams":      "teams: {url: …}",
	"telegram":   "telegram: {token: …, chat: …}",
	"ntfy":       "ntfy: {url: https://HOST/TOPIC}",
	"gotify":     "gotify: {server: https://HOST, token: …}",
	"pushover":   "pushover: {token: …, user: …}",
	"smtp":       "smtp: {server: HOST:PORT, user: …, password: …, from: …, to: [...]}",
	"logger":     "log: {}",
	"generic":    "webhook: {url: …}",
	"bark":       "webhook: {url: …, body: …}",
	"googlechat": "webhook: {url: …, body: …}",
	"hangouts":   "webhook: {url: …, body: …}",
	"ifttt":      "webhook: {url: …, body: …}",
	"join":       "webhook: {url: …, body: …}",
	"lark":       "webhook: {url: …, body: …}",
	"notifiarr":  "webhook: {url: …, body: …}",
	"opsgenie":   "webhook: {url: …, headers: …, body: …}",
	"pagerduty":  "webhook: {url: …, body: …}",
	"pushbullet": "webhook: {url: …, headers: …, body: …}",
	"signal":     "webhook: {url: …, body: …}",
	"wecom":      "webhook: {url: …, body: …}",
	"zulip":      "smtp: {…}, with the mail address of the channel in to",
}

func (s shoutrrr) sender(e env) (Sender, error) {
	value, _ := s.value(e.Host) // the file may be missing in this process
	scheme, _, _ := strings.Cut(value, ":")
	scheme, _, _ = strings.Cut(strings.ToLower(scheme), "+") // generic+https
	if to := Successors[scheme]; to != "" {
		return nil, s.pos.Errorf("shoutrrr is no longer supported: for %s:// write %s", scheme, to)
	}
	return nil, s.pos.Errorf("shoutrrr is no longer supported: docs/notify.md lists the successors of its services")
}
