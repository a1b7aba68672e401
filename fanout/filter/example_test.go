package filter_test

import (
	"fmt"
	"net/url"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout/filter"
)

func ExampleParse() {
	f, err := filter.Parse(url.Values{"topics": {"soccer.mls.*"}, "team": {"toronto fc"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.Selects("soccer.mls.goal", &event.Match{Home: "Toronto FC", Away: "New York City FC"}))
	fmt.Println(f.Selects("soccer.mls.goal", &event.Match{Home: "Seattle Sounders FC", Away: "New York City FC"}))
	// Output:
	// true
	// false
}
