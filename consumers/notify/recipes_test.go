package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"

	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/consumers/shipped"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/matchday"
	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/recording"
)

const recipesPage = "../../docs/recipes.md"

// A recipe is a section of docs/recipes.md.
type recipe struct {
	config     string   // matchwire.yaml; "" if the section has none
	automation string   // of Home Assistant
	channel    string   // the argument of matchwire notify try; "" if the section does not have this command
	recordings []string // the arguments of matchwire demo, without the folder of the clone
	shown      string   // the last block without a language: what the reader sees
}

var (
	recipeBlock = regexp.MustCompile("(?ms)^( *)```([a-z]*)\n(.*?)^ *```$")
	tryCommand  = regexp.MustCompile(`^matchwire notify try (\w+)\n$`)
	demoCommand = regexp.MustCompile(`^matchwire demo --speed 600((?: matchwire/fixtures/\S+)+)\n$`)
)

// recipes returns the sections of docs/recipes.md by title.
func recipes(t *testing.T) map[string]recipe {
	t.Helper()
	text, err := os.ReadFile(recipesPage)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]recipe{}
	for i, section := range strings.Split(string(text), "\n## ") {
		title, body, _ := strings.Cut(section, "\n")
		if i == 0 {
			title = "introduction"
		}
		var r recipe
		for _, m := range recipeBlock.FindAllStringSubmatch(body, -1) {
			block := strings.ReplaceAll("\n"+m[3], "\n"+m[1], "\n")[1:]
			try, demo := tryCommand.FindStringSubmatch(block), demoCommand.FindStringSubmatch(block)
			switch {
			case m[2] == "yaml" && strings.HasPrefix(block, "alias:"):
				r.automation = block
			case m[2] == "yaml" && r.config != "":
				t.Fatalf("%s has two configs, want one", title)
			case m[2] == "yaml":
				r.config = block
			case m[2] == "":
				r.shown = strings.TrimSuffix(block, "\n")
			case try != nil:
				r.channel = try[1]
			case demo != nil:
				for _, arg := range strings.Fields(demo[1]) {
					r.recordings = append(r.recordings, strings.TrimPrefix(arg, "matchwire/fixtures/"))
				}
			}
		}
		all[title] = r
	}
	return all
}

// load saves a config and files with secrets in a folder, and loads the config.
func load(t *testing.T, config string, files map[string]string) pipeline.Config {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "matchwire.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := pipeline.LoadConfig(file, false)
	if err != nil {
		t.Fatal(err)
	}
	c.Listen = "127.0.0.1:0"
	return c
}

// play plays recordings through all roles, as matchwire demo does. If pages is not 0, it plays only the first
// pages of each recording. When the recordings have ended and done returns true, it stops the roles and returns
// the attempts of notify to handle an event.
func play(
	t *testing.T, c pipeline.Config, recordings []string, pages int, done func(site string) bool,
) []matchday.Attempt {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var attempts []matchday.Attempt // complete when Run has returned
	site, ended := make(chan string, 1), make(chan struct{})
	d := matchday.Demo{Config: c, Plugins: shipped.Plugins(), Log: slog.New(slog.DiscardHandler),
		OnListen: func(a net.Addr) { site <- "http://" + a.String() }, OnEvent: func(event.Event) {},
		OnAttempt: func(a matchday.Attempt) {
			if strings.HasPrefix(a.Consumer, "notify.") {
				attempts = append(attempts, a)
			}
		},
		OnEnd: func() { close(ended) }}
	for _, name := range recordings {
		dir := filepath.Join("..", "..", "fixtures", filepath.FromSlash(name))
		f, err := recording.LoadFixture(dir, os.DirFS(dir))
		if err != nil {
			t.Fatal(err)
		}
		if pages > 0 {
			f.Pages = f.Pages[:pages]
		}
		d.Fixtures = append(d.Fixtures, f)
	}
	result := make(chan error, 1)
	go func() { result <- d.Run(ctx) }()
	select {
	case <-ended:
		at := <-site
		testenv.Eventually(t, func() bool { return done(at) }, "the effects of %v", recordings)
	case err := <-result:
		t.Fatalf("the demo of %v ended early: %v", recordings, err)
	}
	cancel()
	if err := <-result; err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return attempts
}

// A detour sends the requests for one service to a fake of the service. It changes only the scheme and the host.
type detour struct {
	from, to string // scheme and host of the service; host of the fake
	mu       sync.Mutex
	requests []string // the method and the content type of each request
}

func (d *detour) RoundTrip(r *http.Request) (*http.Response, error) {
	if got := r.URL.Scheme + "://" + r.URL.Host; got != d.from {
		return nil, fmt.Errorf("request to %s, want one to %s", got, d.from)
	}
	d.mu.Lock()
	d.requests = append(d.requests, r.Method+" "+r.Header.Get("Content-Type"))
	d.mu.Unlock()
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", d.to
	return http.DefaultTransport.RoundTrip(r)
}

// newMastodon starts a server with one account. It stores one post for each idempotency key.
func newMastodon(t testing.TB, token string) *service {
	const reply = `{"id": "1", "url": "https://mastodon.example/@goals/1"}`
	return serve(t, false, http.StatusOK, reply, func(_ *service, r *http.Request, body []byte) (string, shown, error) {
		var m struct{ Status, Visibility string }
		if err := decode(body, &m); err != nil {
			return "", shown{}, err
		}
		key := r.Header.Get("Idempotency-Key")
		if r.URL.Path != "/api/v1/statuses" || r.Header.Get("Authorization") != "Bearer "+token || key == "" ||
			m.Status == "" || utf8.RuneCountInString(m.Status) > 500 ||
			!slices.Contains([]string{"public", "unlisted", "private", "direct"}, m.Visibility) {
			return "", shown{}, fmt.Errorf("%s %v %s: want path /api/v1/statuses, the token, an idempotency key, "+
				"1 to 500 characters and a visibility", r.URL, r.Header, body)
		}
		return key, shown{Title: m.Status}, nil
	})
}

// newHomeAssistant starts a server with one automation. The server shows the message of the automation's action.
func newHomeAssistant(t testing.TB, automation string) *service {
	var a struct {
		Alias    string
		Triggers []struct {
			Trigger string
			ID      string   `yaml:"webhook_id"`
			Methods []string `yaml:"allowed_methods"`
			Local   bool     `yaml:"local_only"`
		}
		Actions []struct {
			Action string
			Data   struct{ Message string }
		}
	}
	if err := yaml.UnmarshalWithOptions([]byte(automation), &a, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	if len(a.Triggers) != 1 || len(a.Actions) != 1 || a.Triggers[0].Trigger != "webhook" {
		t.Fatalf("automation %+v, want a webhook as the trigger, and one action", a)
	}
	const status = http.StatusOK
	return serve(t, false, status, "", func(s *service, r *http.Request, body []byte) (string, shown, error) {
		var data map[string]any
		if err := json.Unmarshal(body, &data); err != nil {
			return "", shown{}, err
		}
		if r.URL.Path != "/api/webhook/"+a.Triggers[0].ID || !slices.Contains(a.Triggers[0].Methods, r.Method) {
			return "", shown{}, fmt.Errorf("%s %s: want the ID and a method of the automation", r.Method, r.URL)
		}
		var missing error
		message := regexp.MustCompile(`\{\{ trigger\.json\.(\w+) \}\}`).ReplaceAllStringFunc(a.Actions[0].Data.Message,
			func(m string) string {
				name := strings.TrimSuffix(strings.TrimPrefix(m, "{{ trigger.json."), " }}")
				if _, ok := data[name].(string); !ok {
					missing = fmt.Errorf("body %s: the automation uses its member %s", body, name)
				}
				return fmt.Sprint(data[name])
			})
		return s.next(), shown{Title: message}, missing
	})
}

// tryRecipe runs matchwire notify try. It fails the test if the output is not the one in the introduction of
// docs/recipes.md.
func tryRecipe(t *testing.T, c pipeline.Config, channel, want string) {
	t.Helper()
	var out strings.Builder
	h := c.Host("notify", nil, slog.New(slog.DiscardHandler))
	if err := (&notify.Try{Channel: channel}).Run(t.Context(), h, &out); err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSuffix(out.String(), "\n"); got != want {
		t.Errorf("notify try prints\n%s\nwant\n%s", got, want)
	}
}

// The first pages of a recording show the kick-off and a goal.
const (
	kickOffAndGoal      = "soccer/mls-2016-11-06-nyc-tor"
	kickOffAndGoalPages = 3
)

const discordID = "12345678901234567"

var discordToken = strings.Repeat("abcd", 17)

// discordFiles contains the file of the recipe for Discord.
var discordFiles = map[string]string{
	"discord-url": "https://discord.com/api/webhooks/" + discordID + "/" + discordToken,
}

func startDiscord(t testing.TB) *service { return newDiscord(t, discordToken, discordID) }

// Each service in docs/recipes.md accepts and shows the goal of notify try, as the page says. It also shows
// the alerts of a match.
func TestRecipesOfServices(t *testing.T) {
	const postJSON = "POST application/json"
	all := recipes(t)
	telegram, slack := "123456789:"+strings.Repeat("AbCd_", 7), strings.Repeat("Ab12", 6)
	for title, tc := range map[string]struct {
		host    string
		files   map[string]string
		start   func(t testing.TB) *service
		request string
		goals   bool // the recipe alerts only goals
	}{
		"Telegram": {"https://api.telegram.org", map[string]string{"telegram-token": telegram},
			func(t testing.TB) *service { return newTelegram(t, telegram, "123456789") }, postJSON, false},
		"Discord": {"https://discord.com", discordFiles, startDiscord, postJSON, false},
		"Slack": {"https://hooks.slack.com",
			map[string]string{"slack-url": "https://hooks.slack.com/services/T1/B1/" + slack},
			func(t testing.TB) *service { return newSlack(t, slack) }, postJSON, false},
		"ntfy": {"https://ntfy.sh", nil,
			func(t testing.TB) *service { return newNtfy(t, "", "YOUR-TOPIC") }, postJSON, false},
		"Matrix": {"https://matrix.example", map[string]string{"matrix-token": testenv.Secret},
			func(t testing.TB) *service { return newMatrix(t, testenv.Secret, "!YOUR-ROOM:matrix.example") },
			"PUT application/json", false},
		"Home Assistant": {"http://homeassistant.local:8123", nil,
			func(t testing.TB) *service { return newHomeAssistant(t, all["Home Assistant"].automation) }, postJSON, true},
		"Mastodon bot": {"https://mastodon.example", map[string]string{"mastodon-token": "Bearer " + testenv.Secret},
			func(t testing.TB) *service { return newMastodon(t, testenv.Secret) }, postJSON, true},
	} {
		t.Run(title, func(t *testing.T) {
			r, s := all[title], tc.start(t)
			d := &detour{from: tc.host, to: strings.TrimPrefix(s.URL, "http://")}
			notify.SetOptions(t, send.Options{Timeout: answerTimeout, Transport: d})
			c := load(t, r.config, tc.files)
			tryRecipe(t, c, r.channel, all["introduction"].shown)
			n, active := s.takeOnly()
			if got := strings.TrimSuffix(n.Title+"\n"+n.Body, "\n"); got != r.shown || len(active) > 0 {
				t.Errorf("the service shows\n%s\nand the active elements %q, want\n%s", got, active, r.shown)
			}
			want := []string{"Kick-off", "Goal for Toronto FC: Sebastian Giovinco"}
			if tc.goals {
				want = want[1:]
			}
			play(t, c, []string{kickOffAndGoal}, kickOffAndGoalPages,
				func(string) bool { return s.called() == 1+len(want) })
			shows := strings.Join(s.all(), "\n")
			for _, w := range want {
				if strings.Count(shows, w) != 1 {
					t.Errorf("the service shows\n%s\nwant %q once", shows, w)
				}
			}
			for _, got := range d.requests {
				if got != tc.request {
					t.Errorf("request %s, want %s", got, tc.request)
				}
			}
		})
	}
}

// The mail server in docs/recipes.md gets the mail of notify try, as the page says, and the alerts of a match.
func TestRecipeOfMail(t *testing.T) {
	all := recipes(t)
	r := all["E-mail"]
	web := httptest.NewTLSServer(http.NotFoundHandler()) // only its certificate is used
	defer web.Close()
	s := newMailServerWith(t, func(s *mailServer) { s.config = web.TLS })
	roots := web.Client().Transport.(*http.Transport).TLSClientConfig
	notify.SetOptions(t, send.Options{Timeout: answerTimeout, TLS: roots})
	c := load(t, strings.Replace(r.config, "mail.example:587", s.Addr().String(), 1),
		map[string]string{"mail-password": testenv.Secret})
	tryRecipe(t, c, r.channel, all["introduction"].shown)
	play(t, c, []string{kickOffAndGoal}, kickOffAndGoalPages, func(string) bool { return len(s.all()) == 3 })
	letters := s.all()
	if got := letters[0].Title + "\n" + letters[0].Body; got != r.shown {
		t.Errorf("the mail shows\n%s\nwant\n%s", got, r.shown)
	}
	for _, l := range letters {
		if l.to != "desk@mail.example" || l.header.Get("From") != `"Goals" <me@mail.example>` {
			t.Errorf("mail to %s from %s, want desk@mail.example and Goals <me@mail.example>", l.to, l.header.Get("From"))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if want := "\x00me@mail.example\x00" + testenv.Secret; len(s.logins) != 3 || s.logins[0] != want {
		t.Errorf("logins %q, want 3 with the user and the password", s.logins)
	}
}

// zoneAt returns a time zone in which it is now between hour and the next hour.
func zoneAt(hour int) string {
	offset := (hour - time.Now().UTC().Hour() + 36) % 24 // of the zone, plus 12
	return fmt.Sprintf("Etc/GMT%+d", 12-offset)          // such zones have the opposite sign
}

// The rules in docs/recipes.md send the alerts that the page promises, and suppress the others for the right
// reason. notify prints the lines on the page.
func TestRecipesOfRules(t *testing.T) {
	all := recipes(t)
	const noRule, zone = "no rule matches", "zone: Europe/Berlin"
	for name, tc := range map[string]struct {
		title    string
		old, new string // a change of the config
		// suppressed returns the reason to suppress an event, or "".
		suppressed func(d event.Data) string
		shown      int  // number of alerts
		printed    bool // notify prints the lines on the page
	}{
		"club": {"My club only", "", "", func(d event.Data) string {
			if d.Match.Home != "Toronto FC" && d.Match.Away != "Toronto FC" {
				return noRule
			}
			return ""
		}, 7, true},
		"night": {"Silent at night", zone, "zone: " + zoneAt(2),
			func(event.Data) string { return "quiet hours" }, 0, true},
		"day": {"Silent at night", zone, "zone: " + zoneAt(15),
			func(event.Data) string { return "" }, 7, false},
		"fantasy": {"Goals of my fantasy team", "", "", func(d event.Data) string {
			if d.Player != "Sebastian Giovinco" && d.Assist != "Eriq Zavaleta" {
				return noRule
			}
			return ""
		}, 4, true},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := all[tc.title], startDiscord(t)
			notify.SetOptions(t, send.Options{Timeout: answerTimeout,
				Transport: &detour{from: "https://discord.com", to: strings.TrimPrefix(s.URL, "http://")}})
			if !strings.Contains(r.config, tc.old) {
				t.Fatalf("the config has no %q", tc.old)
			}
			c := load(t, strings.Replace(r.config, tc.old, tc.new, 1), discordFiles)
			attempts := play(t, c, r.recordings, 0, func(string) bool { return true })
			var printed []string
			for _, a := range attempts {
				printed = append(printed, strings.TrimSpace(a.Line()))
				want := "sent: "
				if e := a.Event; usualStatus(e.Data) {
					want = "suppressed: " + noRule // match_end reports the status
				} else if reason := tc.suppressed(e.Data); reason != "" {
					want = "suppressed: " + reason
				}
				if a.Err != nil || !strings.HasPrefix(a.Outcome, want) {
					t.Errorf("%s: %s, error %v; want %s", notify.Line(a.Event), a.Outcome, a.Err, want)
				}
			}
			if got := len(s.all()); got != tc.shown || s.called() != tc.shown {
				t.Errorf("the channel shows %d alerts after %d calls, want %d: %q", got, s.called(), tc.shown, s.all())
			}
			for line := range strings.Lines(r.shown) {
				if line = strings.TrimSpace(line); tc.printed && !slices.Contains(printed, line) {
					t.Errorf("matchwire demo does not print the line %q of the page; it prints\n%s", line,
						strings.Join(printed, "\n"))
				}
			}
		})
	}
}

// usualStatus reports whether an event is a status_change that match_end also reports.
func usualStatus(d event.Data) bool { return d.Kind == event.StatusChange && d.Match.Status.Decided() }

// The config for an overlay in docs/recipes.md serves the page that OBS opens.
func TestRecipeOfOverlay(t *testing.T) {
	r := recipes(t)["OBS overlay"]
	c := load(t, r.config, nil)
	play(t, c, []string{kickOffAndGoal}, kickOffAndGoalPages, func(site string) bool {
		resp, err := http.Get(site + "/embed/mls-2016-11-06-nyc-tor?theme=dark&lang=en")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		html := strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html")
		return err == nil && resp.StatusCode == http.StatusOK && html
	})
}

// Each section of docs/recipes.md has a test.
func TestRecipesAreTested(t *testing.T) {
	tested := []string{"introduction", "Telegram", "Discord", "Slack", "ntfy", "Matrix", "E-mail", "Home Assistant",
		"Mastodon bot", "My club only", "Silent at night", "Goals of my fantasy team", "OBS overlay"}
	all := recipes(t)
	for title, r := range all {
		if !slices.Contains(tested, title) {
			t.Errorf("%s: add a test, and add the title to this list", title)
		}
		if title != "introduction" && (r.config == "" || r.shown == "") {
			t.Errorf("%s: %+v, want a config, and what the reader sees", title, r)
		}
	}
	if len(all) != len(tested) {
		t.Errorf("the page has %d sections, want %d", len(all), len(tested))
	}
}

// If the answer to a request is lost, the next request has the same idempotency key, so the bot posts once.
func TestRepeatedRequestHasTheSameKey(t *testing.T) {
	s := newMastodon(t, testenv.Secret)
	w := newWorld(t, "channels:\n  bot: {webhook: {url: '"+s.URL+"/api/v1/statuses', headers: {Authorization: 'Bearer "+
		testenv.Secret+"'}, body: '{status: .text, visibility: \"public\"}'}}\n")
	e := goal(t, nil)
	s.cutAfterStoring(true)
	if err := w.deliver("bot", e); err == nil {
		t.Fatal("no error after a lost answer, want one")
	}
	s.cutAfterStoring(false)
	if err := w.deliver("bot", e); err != nil {
		t.Fatal(err)
	}
	if got := s.all(); len(got) != 1 || s.called() != 2 {
		t.Errorf("posts %q after %d requests, want one post after 2 requests", got, s.called())
	}
}
