package matchday

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// An alert is a notification in the inbox.
type alert struct {
	Thread string    `json:"thread"` // identifies the incident
	Title  string    `json:"title"`
	Body   string    `json:"body"`
	Match  string    `json:"match"` // ID of the match
	Time   time.Time `json:"time"`
}

// maxAlerts is the maximum number of alerts in the inbox.
const maxAlerts = 50

// settings are the settings of the consumer notify. The webhook sends notifications to the inbox in this process.
const settings = `notify: {channels: {inbox: {webhook: {url: http://inbox.invalid/}}}}`

// inboxConsumers returns the settings of the default consumers in a demo with an inbox.
func inboxConsumers(plugins []consumers.Plugin) (map[string]strictyaml.Raw, error) {
	all := map[string]strictyaml.Raw{}
	if err := strictyaml.Decode("the settings of the demo", []byte(settings), &all); err != nil {
		return nil, err
	}
	for _, p := range plugins {
		if _, ok := all[p.Name]; !ok && !p.Named {
			all[p.Name] = strictyaml.Raw{}
		}
	}
	return all, nil
}

// addInbox returns plugins with a consumer notify whose webhooks send to the inbox of b.
func (b *bar) addInbox(plugins []consumers.Plugin) []consumers.Plugin {
	b.state.Alerts = []alert{}
	plugins = slices.DeleteFunc(plugins, func(p consumers.Plugin) bool { return p.Name == "notify" })
	return append(plugins, consumers.Plugin{Name: "notify", New: notify.With(send.Options{Transport: (*inbox)(b)})})
}

// An inbox is the bar as the receiver of the requests of a webhook.
type inbox bar

// RoundTrip adds the notification in the body of a request to the inbox.
func (in *inbox) RoundTrip(r *http.Request) (*http.Response, error) {
	defer r.Body.Close()
	var n notify.Notification
	if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
		return nil, fmt.Errorf("inbox of the demo: %w", err)
	}
	(*bar)(in).change(func(s *barState) { s.Alerts = added(s.Alerts, n) })
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, Request: r}, nil
}

// added returns the alerts with a new first alert. As on a phone, it replaces the earlier alert about its incident.
func added(alerts []alert, n notify.Notification) []alert {
	all := []alert{{n.Thread, n.Title, n.Body, n.Event.Subject, n.Timestamp}}
	for _, a := range alerts {
		if a.Thread != n.Thread && len(all) < maxAlerts {
			all = append(all, a)
		}
	}
	return all
}
