package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
)

// Commands are matchwire notify …
type Commands struct {
	Keys MakeKeys `cmd:"" help:"Make the keys that push services know you by (VAPID), once for ever."`
	Try  Try      `cmd:"" help:"Send a goal that never was to a channel, to see whether it arrives."`
}

// MakeKeys makes a file of keys.
type MakeKeys struct {
	File string `arg:"" help:"Where to keep them; a file that is there is not replaced, as every browser would have to subscribe anew." default:"vapid.json"`
}

// Run makes the file, for its owner alone, and prints the public key.
func (m *MakeKeys) Run(out io.Writer) error {
	keys, err := newKeys()
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(keys, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(m.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already, and browsers have subscribed with what is in it", m.File)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	if err := cmp.Or(err, f.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, keys.Public)
	return err
}

// Try sends a notification to a channel of the config.
type Try struct {
	Channel  string `arg:"" help:"A channel of the config."`
	Language string `help:"The language to say it in; without it that of the channel's first rule." placeholder:"CODE"`
}

// Run sends it, to all who have subscribed where the channel is Web Push.
func (t *Try) Run(ctx context.Context, h consumers.Host, out io.Writer) error {
	p, err := read(h)
	if err != nil {
		return err
	}
	settings, ok := p.Channels[t.Channel]
	if !ok {
		return fmt.Errorf("no channel %q; there are %s", t.Channel, strings.Join(slices.Sorted(maps.Keys(p.Channels)), ", "))
	}
	n, err := p.notifier(t.Channel, settings, h)
	if err != nil {
		return err
	}
	to := []recipient{{}}
	if n.push != nil {
		if h.Redis == nil {
			return errors.New("who has subscribed stands in Redis: set AMQP_URL and REDIS_URL")
		}
		if to, err = n.push.subscribers.list(ctx); err != nil {
			return err
		}
	}
	e, err := testGoal()
	if err != nil {
		return err
	}
	language := t.Language
	if language == "" && len(n.rules) > 0 {
		language = n.rules[0].language
	}
	if !n.texts.has(language) {
		return fmt.Errorf("no texts in language %q; there are %s", language, strings.Join(n.texts.languages(), ", "))
	}
	text := n.texts.say(e, true, language)
	text.Title = "[Test] " + text.Title
	var failed error
	sent := 0
	for _, r := range to {
		if err := n.sender.send(ctx, r, notification(e, text, false, n.link)); err != nil {
			failed = err
			continue
		}
		sent++
	}
	fmt.Fprintf(out, "%s\nsent to %d of %d\n", text.Line(), sent, len(to))
	return failed
}

// testGoal returns an invented goal.
func testGoal() (event.Event, error) {
	c := event.SoccerMinute("", 6, 0)
	e, err := event.Of("soccer.mls.goal", event.Data{League: "MLS", Team: "Toronto FC", Player: "Nobody", Opponent: "New York City FC", Side: event.Away, Clock: &c,
		Score: &event.Score{Away: 1}, Match: &event.Match{ID: "notify-try", Home: "New York City FC", Away: "Toronto FC", Status: event.Live, Period: event.FirstHalf}}, time.Now())
	e.TID = event.NewTID()
	return e, err
}
