package profile_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

const definition = `{name: floorball, periods: [p1, p2, p3, ot1, so], counts: goals, kinds: {penalty: 0}}`

func floorball(sport string) string {
	return `{profile: floor, format: json, sport: ` + sport + `,
  match: {id: {jq: .id}, league: {value: SSL}, home: {jq: .home}, away: {jq: .away}, status: {jq: .status},
    home_score: {jq: .hs}, away_score: {jq: .as}}}`
}

// A profile can define a sport, and another profile in the same folder can name the sport.
func TestSportOfAProfile(t *testing.T) {
	t.Parallel()
	lib, err := profile.LoadLibrary(fstest.MapFS{
		"a.yaml": {Data: []byte(strings.Replace(floorball("{name: floorball}"), "floor,", "floor-list,", 1))},
		"b.yaml": {Data: []byte(floorball(definition))},
	})
	if err != nil {
		t.Fatal(err)
	}
	body := `{"id": "7", "home": "Storvreta", "away": "Falun", "status": "live p2", "hs": 3, "as": 1}`
	for _, name := range []string{"floor", "floor-list"} {
		all, problems, err := lib[name].Extract(t.Context(), page.Page{Body: []byte(body)})
		if err != nil || len(problems) > 0 || len(all) != 1 || all[0].Sport != "floorball" || all[0].Match.Period != "p2" {
			t.Errorf("%s: %+v, problems %v, error %v; want floorball in p2", name, all, problems, err)
		}
	}
}

// An error about a sport contains the position and the value.
func TestInvalidSports(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ sport, want string }{
		{"quidditch", `x.yaml:1:39: sport: sport "quidditch": want one of [soccer basketball`},
		{"quidditch", `or for a new sport a definition such as {name: handball,`},
		{"{name: quidditch}", `sport "quidditch": no profile in the folder defines it`},
		{"{name: rink, counts: goals}", `x.yaml:1:39: sport: periods: 0 periods: want 1 to 40`},
		{"{name: rink, periods: [p1], counts: goal}", `x.yaml:1:75: sport.counts: "goal": want goals, points or sets`},
		{"{name: rink, periods: [p1], counts: goals, kinds: {hit: 1}}", `sport.kinds: "hit": the score counts goals`},
		{"{name: rink, periods: [p1], counts: goals, kind: {hit: 1}}", `unknown field "kind": did you mean kinds?`},
		{"{name: rink, periods: [p1], counts: points, kinds: {hit: many}}", `"many": want a number`},
		{"{name: soccer, periods: [p1], counts: goals}", `sport.name: "soccer": matchwire knows this sport`},
		{strings.Replace(definition, "p3, ", "", 1), `sport: sport floorball has a different definition in this process`},
	} {
		if _, err := profile.Load("floor.yaml", []byte(floorball(definition))); err != nil {
			t.Fatal(err)
		}
		_, err := profile.Load("x.yaml", []byte(floorball(tc.sport)))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("sport: %s: error %v, want %q", tc.sport, err, tc.want)
		}
	}
}
