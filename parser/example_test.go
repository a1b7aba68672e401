package parser_test

import (
	"context"
	"fmt"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/reconcile"
)

// Extract the facts from two pages of a match, and print the events of each page.
func Example() {
	p, err := profile.Load("mysite.yaml", []byte(`
profile: mysite
sport: soccer
match:
  league: {value: MLS}
  home: .home
  away: .away
  status: {value: live}
incidents:
  - rows: li
    kind: {value: goal}
    side: {value: home}
    clock: time
    player: b
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	state := reconcile.State{Epoch: event.NewTID().String()}
	begin := time.Date(2016, 11, 6, 23, 30, 0, 0, time.UTC)
	for i, goals := range []string{"", `<li><time>6'</time> <b>Sebastian Giovinco</b></li>`} {
		fetched := page.Page{At: begin.Add(time.Duration(i) * time.Minute),
			Body: []byte(`<p><i class="home">Toronto FC</i> <i class="away">New York City FC</i></p>` + goals)}
		observations, _, err := p.Extract(context.Background(), fetched)
		if err != nil {
			fmt.Println(err)
			return
		}
		o := observations[0]
		o.Match.ID = "mls-42"
		from := reconcile.Provenance{TID: event.NewTID(), Site: "/parser/mysite", At: fetched.At}
		next, events, err := reconcile.Match(state, o, from)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, e := range events {
			fmt.Printf("%s %q %q\n", e.Type, e.Data.Player, e.Data.Time)
		}
		state = next
	}
	// Output:
	// soccer.mls.match_start "" ""
	// soccer.mls.period_start "" ""
	// soccer.mls.goal "Sebastian Giovinco" "6'"
}
