package presence_test

import (
	"fmt"

	"github.com/matchwire/matchwire/fanout/presence"
)

func ExamplePresence_Add() {
	one := presence.Presence{Nodes: 1, Connections: 3, Team: []presence.Count{{Name: "Toronto FC", Clients: 2}}}
	two := presence.Presence{Nodes: 1, Connections: 4, Team: []presence.Count{{Name: "Toronto FC", Clients: 1}}}
	sum := one.Add(two)
	fmt.Println(sum.Nodes, sum.Connections, sum.Team)
	// Output: 2 7 [{Toronto FC 3}]
}
