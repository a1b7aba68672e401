package observation_test

import (
	"fmt"

	"github.com/matchwire/matchwire/parser/observation"
)

func ExampleAliases_SameTeam() {
	aliases, err := observation.NewAliases(map[string][]string{"Manchester United": {"Man Utd"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(aliases.SameTeam("MAN UTD", "Manchester United"))
	fmt.Println(aliases.SameTeam("Atlético Madrid", "Atletico Madrid"))
	fmt.Println(aliases.SameTeam("Man Utd", "Manchester City"))
	// Output:
	// true
	// true
	// false
}
