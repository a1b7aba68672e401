package profile_test

import (
	"context"
	"fmt"

	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

func ExampleProfile_Extract() {
	p, err := profile.Load("mysite.yaml", []byte(`
profile: mysite
sport: soccer
match:
  league: {value: MLS}
  home: .home
  away: .away
  home_score: {css: b, regexp: '^(\d+) :'}
  away_score: {css: b, regexp: ': (\d+)$'}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	observations, problems, err := p.Extract(context.Background(), page.Page{
		Body: []byte(`<i class="home">Toronto FC</i> <b>1 : 0</b> <i class="away">Seattle Sounders FC</i>`),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, o := range observations {
		fmt.Println(o.Match.Home, o.Score, o.Match.Away)
	}
	fmt.Println(len(problems), "problems")
	// Output:
	// Toronto FC 1-0 Seattle Sounders FC
	// 0 problems
}
