package notify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/consumertest"
	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/cli"
)

// kickoff is the time of the first recorded event in tests of the preview. It is long ago, so a decision by
// the clock of this machine is wrong.
var kickoff = time.Date(2016, 11, 6, 23, 0, 0, 0, time.UTC)

// preview returns the output of the preview of events. Each event is on a page of its own.
func preview(t *testing.T, p notify.Preview, settings string, events []event.Event, upcoming ...event.Data,
) (string, error) {
	t.Helper()
	h := consumertest.Host(t, settings, t.TempDir(), nil, slog.New(slog.DiscardHandler))
	h.Replay = func(ctx context.Context, _ []string, each func(consumers.ReplayedPage) error) error {
		first := []event.Event{{Time: kickoff.Add(-time.Hour)}} // a page without events
		for i, e := range append(first, events...) {
			page := consumers.ReplayedPage{At: e.Time, Events: []event.Event{e},
				Upcoming: func(_ context.Context, until time.Time) (all []event.Data, err error) {
					for _, d := range upcoming {
						if d.Match.Start.After(e.Time) && !d.Match.Start.After(until) {
							all = append(all, d)
						}
					}
					return all, nil
				}}
			if i == 0 {
				page.Events = nil
			}
			if err := each(page); err != nil {
				return err
			}
		}
		return nil
	}
	var out bytes.Buffer
	err := p.Run(t.Context(), h, &out)
	return out.String(), err
}

// happened returns an event at a time after kick-off.
func happened(e event.Event, after time.Duration) event.Event {
	e.Time = kickoff.Add(after)
	return e
}

// booking returns a card of another team's player in the match of an event.
func booking(t *testing.T, in event.Event) event.Event {
	t.Helper()
	d := in.Data
	d.Kind, d.Incident, d.Assist, d.Player = event.YellowCard, event.IncidentID(in.ID), "", "Frank Lampard"
	e, err := event.Of("soccer.mls.yellow_card", d, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	e.TID = in.TID
	return e
}

const previewHook = "channels: {hook: {webhook: {url: 'https://club.example/hook'}}}\n"

// The preview shows for each event what every channel does, and why.
func TestPreview(t *testing.T) {
	t.Parallel()
	goal := happened(consumertest.Goal(), 0)
	second := happened(consumertest.Other(goal, 1), time.Second)
	third := happened(consumertest.Other(goal, 2), 2*time.Second)
	corrected := happened(consumertest.Corrected(goal), 30*time.Second)
	retracted := happened(consumertest.Retracted(corrected), time.Minute)
	card := happened(booking(t, goal), 10*time.Second)
	early := goal
	early.Data.Backfill = true
	soon := *goal.Data.Match
	soon.Start, soon.Status, soon.Clock, soon.Period = kickoff, event.Scheduled, event.Clock{}, ""
	for name, tc := range map[string]struct {
		settings string
		preview  notify.Preview
		events   []event.Event
		upcoming []event.Data
		want     string
	}{
		"sent, by the default rule": {previewHook, notify.Preview{}, []event.Event{goal}, nil, `
23:00:00  6'  goal  0–1
  hook  default rule  Goal for Toronto FC: Sebastian Giovinco
                      6', New York City FC 0–1 Toronto FC

1 event, 1 notification to 1 channel
`},
		"the first rule that matches": {previewHook + `rules:
  - {kinds: [red_card]}
  - {topics: ["soccer.*.goal"], teams: [New York Red Bulls]}
  - {kinds: [goal], players: [Giovinco]}
  - {kinds: [goal], only: [last 5m]}
  - {kinds: [goal], language: de}
`, notify.Preview{}, []event.Event{goal, card}, nil, `
23:00:00  6'  goal         0–1
  hook  rules[4]  Tor für Toronto FC: Sebastian Giovinco
                  6', New York City FC 0:1 Toronto FC
23:00:10  6'  yellow_card  0–1  not sent: no rule matches (rules[0]: kinds;
                                rules[1]: topics; rules[2]: kinds; rules[3]:
                                kinds; rules[4]: kinds)

2 events, 1 notification to 1 channel
`},
		"backfill": {previewHook, notify.Preview{}, []event.Event{early, corrected}, nil, `
23:00:00  6'  goal            0–1  not sent: backfill: it happened before the
                                   first page
23:00:30  6'  goal_corrected  0–1  not sent: an earlier event of the incident
                                   was suppressed: backfill

2 events, 0 notifications
`},
		"quiet hours": {previewHook + `rules:
  - {kinds: [goal], quiet: {from: "23:00", until: "23:01", zone: UTC}}
`, notify.Preview{}, []event.Event{goal, happened(second, time.Minute)}, nil, `
23:00:00  6'   goal  0–1  not sent: quiet hours of rules[0]
23:01:00  11'  goal  0–3
  hook  rules[0]  Goal for Toronto FC: Jonathan Osorio
                  11', New York City FC 0–3 Toronto FC

2 events, 1 notification to 1 channel
`},
		"correction and retraction of a sent goal": {previewHook + `rules:
  - {kinds: [goal], players: [Sebastian Giovinco]}
`, notify.Preview{}, []event.Event{goal, corrected, retracted}, nil, `
23:00:00  6'  goal            0–1
  hook  rules[0]  Goal for Toronto FC: Sebastian Giovinco
                  6', New York City FC 0–1 Toronto FC
23:00:30  6'  goal_corrected  0–1
  hook  -         Corrected: goal for Toronto FC: Jozy Altidore
                  6', New York City FC 0–1 Toronto FC; scorer Sebastian Giovinco
                  → Jozy Altidore
                  (follows up an earlier notification)
23:01:00  6'  goal_retracted  0–0
  hook  -         Taken back: goal for Toronto FC: Jozy Altidore
                  6', New York City FC 0–0 Toronto FC
                  (follows up an earlier notification)

3 events, 3 notifications to 1 channel
`},
		"retracted during the delay": {previewHook + "rules: [{kinds: [goal], delay: 5m}]\n", notify.Preview{},
			[]event.Event{goal, happened(second, 20*time.Second), retracted}, nil, `
23:00:00  6'   goal            0–1  not sent: superseded by a later revision
23:00:20  11'  goal            0–3
  hook  rules[0]  Goal for Toronto FC: Jonathan Osorio
                  11', New York City FC 0–3 Toronto FC
                  (at 23:05:20, a spoiler delay)
23:01:00  6'   goal_retracted  0–0  not sent: the incident was not sent

3 events, 1 notification to 1 channel
`},
		"later events wait": {previewHook + "rules: [{kinds: [goal], delay: 45s}, {kinds: [yellow_card]}]\n",
			notify.Preview{}, []event.Event{goal, card}, nil, `
23:00:00  6'  goal         0–1
  hook  rules[0]  Goal for Toronto FC: Sebastian Giovinco
                  6', New York City FC 0–1 Toronto FC
                  (at 23:00:45, a spoiler delay)
23:00:10  6'  yellow_card  0–1
  hook  rules[1]  Yellow card against Toronto FC: Frank Lampard
                  6', New York City FC 0–1 Toronto FC
                  (at 23:00:45, an earlier event of the match waited)

2 events, 2 notifications to 1 channel
`},
		"rate": {"channels: {hook: {webhook: {url: 'https://club.example/hook'}, rate: 1/m}}\n", notify.Preview{},
			[]event.Event{goal, second, third}, nil, `
23:00:00  6'   goal  0–1
  hook  default rule  Goal for Toronto FC: Sebastian Giovinco
                      6', New York City FC 0–1 Toronto FC
23:00:01  11'  goal  0–3
  hook  default rule  Goal for Toronto FC: Jonathan Osorio
                      11', New York City FC 0–3 Toronto FC
                      (at 23:01:00, the channel's rate limit is reached)
23:00:02  12'  goal  0–4
  hook  default rule  Goal for Toronto FC: Jonathan Osorio
                      12', New York City FC 0–4 Toronto FC
                      (at 23:02:00, the channel's rate limit is reached)

3 events, 3 notifications to 1 channel
`},
		"reminders": {previewHook + `rules:
  - {before: 15m}
  - {before: 40m, quiet: {from: "22:00", until: "22:30"}}
  - {before: 20m, quiet: {from: "22:00", until: "23:30"}}
`, notify.Preview{}, []event.Event{goal}, []event.Data{{Sport: event.Soccer, League: "MLS", Match: &soon}}, `
22:30:00      kickoff_soon
  hook  rules[1]  Starts in 30 min
                  New York City FC v Toronto FC
22:40:00      kickoff_soon       not sent: quiet hours of rules[2]
22:45:00      kickoff_soon
  hook  rules[0]  Starts in 15 min
                  New York City FC v Toronto FC
23:00:00  6'  goal          0–1  not sent: each rule of the channel has before

4 events, 2 notifications to 1 channel
`},
		"several channels": {severalChannels, notify.Preview{}, []event.Event{goal, card}, nil, `
23:00:00  6'  goal         0–1
  chat   rules[0]  {"text":"Goal for Toronto FC: Sebastian Giovinco (6', New
                   York City FC 0–1 Toronto FC)"}
  mail   rules[0]  Goal for Toronto FC: Sebastian Giovinco
                   6', New York City FC 0–1 Toronto FC
                   (2 recipients)
  night  rules[1]  not sent: quiet hours
23:00:10  6'  yellow_card  0–1  not sent: chat, mail: no rule matches; night:
                                quiet hours of rules[1]

2 events, 2 notifications to 2 channels
`},
		"all channels": {severalChannels, notify.Preview{All: true}, []event.Event{card}, nil, `
23:00:10  6'  yellow_card  0–1
  chat   -         not sent: no rule matches (rules[0]: kinds)
  mail   -         not sent: no rule matches (rules[0]: kinds)
  night  rules[1]  not sent: quiet hours

1 event, 0 notifications
`},
		"one channel": {severalChannels, notify.Preview{Channel: "mail"}, []event.Event{goal, card}, nil, `
23:00:00  6'  goal         0–1
  mail  rules[0]  Goal for Toronto FC: Sebastian Giovinco
                  6', New York City FC 0–1 Toronto FC
                  (2 recipients)
23:00:10  6'  yellow_card  0–1  not sent: no rule matches (rules[0]: kinds)

2 events, 1 notification to 1 channel
`},
		"no events": {previewHook, notify.Preview{}, nil, nil, "0 events, 0 notifications\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := preview(t, tc.preview, tc.settings, tc.events, tc.upcoming...)
			if err != nil {
				t.Fatal(err)
			}
			heading := "New York City FC v Toronto FC, 2016-11-06 (UTC)\n"
			if got = strings.TrimPrefix(got, heading); got != tc.want {
				t.Errorf("the preview shows\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}

const severalChannels = `channels:
  chat: {webhook: {url: 'https://chat.example/hook', body: '{text}'}}
  mail: {smtp: {server: 'mail.example:587', from: me@club.example, to: [a@club.example, b@club.example]}}
  night: {webhook: {url: 'https://club.example/hook'}}
rules:
  - {to: [chat, mail], kinds: [goal]}
  - {to: [night], topics: ["#"], quiet: {from: "22:30", until: "07:00"}}
`

// With JSON, the preview prints an object for each event.
func TestPreviewJSON(t *testing.T) {
	t.Parallel()
	goal := happened(consumertest.Goal(), 0)
	card := happened(booking(t, goal), 10*time.Second)
	got, err := preview(t, notify.Preview{JSON: true}, severalChannels, []event.Event{goal, card})
	if err != nil {
		t.Fatal(err)
	}
	type channel struct{ Channel, Rule, Title, Text, Reason string }
	var all [][]channel
	for line := range strings.Lines(got) {
		var row struct {
			Event    event.Event
			Channels []channel
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		if row.Event.ID != []event.Event{goal, card}[len(all)].ID {
			t.Errorf("line %d has another event", len(all)+1)
		}
		all = append(all, row.Channels)
	}
	const title, text = "Goal for Toronto FC: Sebastian Giovinco", "Goal for Toronto FC: Sebastian Giovinco " +
		"(6', New York City FC 0–1 Toronto FC)"
	const none = "no rule matches (rules[0]: kinds)"
	want := [][]channel{
		{
			{"chat", "rules[0]", title, text, ""}, {"mail", "rules[0]", title, text, ""},
			{"night", "rules[1]", "", "", "quiet hours"},
		},
		{{"chat", "", "", "", none}, {"mail", "", "", "", none}, {"night", "rules[1]", "", "", "quiet hours"}},
	}
	if !slices.EqualFunc(all, want, slices.Equal) {
		t.Errorf("channels %v, want %v", all, want)
	}
}

// Without channels in the config, and with an unknown channel, the preview reports an error of usage.
func TestPreviewWithoutChannel(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		settings, channel, want string
	}{
		"no settings": {"", "", "      phone: {ntfy: {url: https://ntfy.sh/YOUR-TOPIC}}"},
		"no channels": {"rules: [{kinds: [goal]}]\n", "", "      phone: {ntfy: {url: https://ntfy.sh/YOUR-TOPIC}}"},
		"unknown":     {severalChannels, "phone", `no channel "phone": want one of chat, mail, night`},
	} {
		out, err := preview(t, notify.Preview{Channel: tc.channel}, tc.settings, []event.Event{consumertest.Goal()})
		if !errors.As(err, new(*cli.UsageError)) || !strings.Contains(err.Error(), tc.want) || out != "" {
			t.Errorf("%s: output %q, error %v; want a usage error with %q", name, out, err, tc.want)
		}
	}
}

// The preview shows what the consumer sends.
func TestPreviewIsLikeTheConsumer(t *testing.T) {
	goal := consumertest.Goal()
	goal.Time = time.Now()
	corrected, card := consumertest.Corrected(goal), booking(t, goal)
	old := consumertest.Other(goal, 3)
	old.Data.Backfill = true
	other := consumertest.Other(goal, 1)
	events := []event.Event{
		goal, corrected, card, old, consumertest.Corrected(old), other, consumertest.Retracted(corrected),
		consumertest.Retracted(old), consumertest.Retracted(card),
	}
	w, s := newHookWorld(t, "{kinds: [goal], players: [Sebastian Giovinco, Jonathan Osorio]}")
	for _, e := range events {
		if err := w.deliver("hook", e); err != nil {
			t.Fatal(err)
		}
	}
	out, err := preview(t, notify.Preview{JSON: true}, w.settings, events)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]string{} // the latest notification of each incident, as a service shows them
	calls := 0
	for line := range strings.Lines(out) {
		var row struct {
			Event    event.Event
			Channels []struct {
				Sent        bool
				Title, Body string
			}
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		if c := row.Channels[0]; c.Sent {
			calls++
			shown[row.Event.Data.Incident] = c.Title + " | " + c.Body
		}
	}
	var all []string
	for _, text := range shown {
		all = append(all, text)
	}
	slices.Sort(all)
	if got := strings.Join(all, "; "); got != titles(s) || calls != s.called() || calls < 3 {
		t.Errorf("the preview shows %d notifications, the last of them %s\nthe consumer sent %d, the last of them %s",
			calls, got, s.called(), titles(s))
	}
}
